// Command outside judges folders of tiles with the code of Go's own checksum database (golang.org/x/mod/sumdb).
//
// It knows nothing of Lonewatch. It reads a JSON list of folders from standard input, each with the key that is trusted,
// the checkpoint that is remembered and the receipts that somebody kept, and writes a JSON list with one sentence for
// each: what is wrong with it, or nothing.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// height is how many levels of the tree one tile holds: 256 hashes, as C2SP's tlog-tiles has it.
const height = 8

// width is how many entries a full tile or bundle holds.
const width = 1 << height

// Receipt is what somebody kept of one record, and the proof that the log gives for it.
type Receipt struct {
	Index  int64    `json:"index"`
	Entry  string   `json:"entry"`
	Proof  []string `json:"proof"`
	Proven bool     `json:"proven"`
}

// Case is one folder and what is known of it from elsewhere.
type Case struct {
	Folder      string    `json:"folder"`
	Key         string    `json:"key"`
	Remembered  string    `json:"remembered"`
	Receipts    []Receipt `json:"receipts"`
	Consistency []string  `json:"consistency"`
	Proven      bool      `json:"proven"`
}

// folder reads tiles; TileHashReader proves every one that it is given against the root.
type folder string

func (f folder) Height() int { return height }

func (f folder) SaveTiles([]tlog.Tile, [][]byte) {}

func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, tile := range tiles {
		read, err := f.tile(tile)
		if err != nil {
			return nil, err
		}
		data[i] = read
	}
	return data, nil
}

// tile reads one tile; a partial one may have given way to the full one, of which it is the beginning.
func (f folder) tile(tile tlog.Tile) ([]byte, error) {
	path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
	read, err := os.ReadFile(filepath.Join(string(f), path))
	if errors.Is(err, os.ErrNotExist) && tile.W < width {
		full := tile
		full.W = width
		path = strings.Replace(full.Path(), "tile/8/", "tile/", 1)
		read, err = os.ReadFile(filepath.Join(string(f), path))
		if len(read) > tile.W*tlog.HashSize {
			read = read[:tile.W*tlog.HashSize]
		}
	}
	return read, err
}

// entries returns what the bundles hold, of a tree of some size.
func (f folder) entries(size int64) ([][]byte, error) {
	var all [][]byte
	for n := int64(0); n*width < size; n++ {
		tile := tlog.Tile{H: height, L: -1, N: n, W: width}
		if size-n*width < width {
			tile.W = int(size - n*width)
		}
		path := strings.Replace(tile.Path(), "tile/8/data/", "tile/entries/", 1)
		read, err := os.ReadFile(filepath.Join(string(f), path))
		if err != nil {
			return nil, err
		}
		for i := 0; i < tile.W; i++ {
			if len(read) < 2 || len(read) < 2+int(binary.BigEndian.Uint16(read)) {
				return nil, fmt.Errorf("%s is cut short", path)
			}
			end := 2 + int(binary.BigEndian.Uint16(read))
			all = append(all, read[2:end])
			read = read[end:]
		}
		if len(read) > 0 {
			return nil, fmt.Errorf("%s holds more than %d entries", path, tile.W)
		}
	}
	return all, nil
}

// opened returns the tree of a checkpoint that the key has signed, under the key's own name.
func opened(text []byte, key string) (tlog.Tree, error) {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return tlog.Tree{}, err
	}
	signed, err := note.Open(text, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(signed.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return tlog.Tree{}, fmt.Errorf("the checkpoint is not one of %s", verifier.Name())
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return tlog.Tree{}, errors.New("the root is not a hash")
	}
	tree := tlog.Tree{N: size}
	copy(tree.Hash[:], root)
	return tree, nil
}

// judge says what is wrong with one folder.
func judge(c Case) error {
	text, err := os.ReadFile(filepath.Join(c.Folder, "checkpoint"))
	if err != nil {
		return err
	}
	tree, err := opened(text, c.Key)
	if err != nil {
		return err
	}
	if tree.N == 0 && tree.Hash != tlog.Hash(sha256.Sum256(nil)) {
		return errors.New("an empty log has the root of one that is not")
	}
	if err := whole(folder(c.Folder), tree); err != nil {
		return err
	}
	reader := tlog.TileHashReader(tree, folder(c.Folder))
	for _, receipt := range c.Receipts {
		if err := included(receipt, tree, reader); err != nil {
			return fmt.Errorf("index %d: %w", receipt.Index, err)
		}
	}
	if c.Remembered == "" {
		return nil
	}
	return grown(c, tree, reader)
}

// whole proves every tile by the root, and every entry by its leaf.
func whole(f folder, tree tlog.Tree) error {
	if tree.N == 0 {
		return nil
	}
	indexes := make([]int64, tree.N)
	for i := range indexes {
		indexes[i] = tlog.StoredHashIndex(0, int64(i))
	}
	leaves, err := tlog.TileHashReader(tree, f).ReadHashes(indexes)
	if err != nil {
		return err
	}
	entries, err := f.entries(tree.N)
	if err != nil {
		return err
	}
	for i, entry := range entries {
		if tlog.RecordHash(entry) != leaves[i] {
			return fmt.Errorf("entry %d is not what its leaf holds", i)
		}
	}
	return nil
}

// included proves what a receipt says by the tiles, and by the proof that came with it.
func included(receipt Receipt, tree tlog.Tree, reader tlog.HashReader) error {
	entry, err := hex.DecodeString(receipt.Entry)
	if err != nil {
		return err
	}
	if receipt.Index >= tree.N {
		return errors.New("the log is shorter than that")
	}
	leaf := tlog.RecordHash(entry)
	proof, err := tlog.ProveRecord(tree.N, receipt.Index, reader)
	if err != nil {
		return err
	}
	if err := tlog.CheckRecord(proof, tree.N, tree.Hash, receipt.Index, leaf); err != nil {
		return err
	}
	if !receipt.Proven {
		return nil
	}
	given, err := hashes(receipt.Proof)
	if err != nil {
		return err
	}
	return tlog.CheckRecord(given, tree.N, tree.Hash, receipt.Index, leaf)
}

// grown proves that the tree has what was remembered as its beginning.
func grown(c Case, tree tlog.Tree, reader tlog.HashReader) error {
	old, err := opened([]byte(c.Remembered), c.Key)
	if err != nil {
		return err
	}
	switch {
	case tree.N < old.N:
		return fmt.Errorf("the log has %d entries and had %d", tree.N, old.N)
	case old.N == 0: // whatever came since, nothing of it was there before
		return nil
	}
	proof, err := tlog.ProveTree(tree.N, old.N, reader)
	if err != nil {
		return err
	}
	if err := tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash); err != nil {
		return err
	}
	if !c.Proven {
		return nil
	}
	given, err := hashes(c.Consistency)
	if err != nil {
		return err
	}
	return tlog.CheckTree(given, tree.N, tree.Hash, old.N, old.Hash)
}

// hashes reads a proof.
func hashes(texts []string) ([]tlog.Hash, error) {
	read := make([]tlog.Hash, len(texts))
	for i, text := range texts {
		hash, err := hex.DecodeString(text)
		if err != nil || len(hash) != tlog.HashSize {
			return nil, errors.New("a proof holds what is no hash")
		}
		copy(read[i][:], hash)
	}
	return read, nil
}

func main() {
	var cases []Case
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	said := make([]string, len(cases))
	for i, c := range cases {
		if err := judge(c); err != nil {
			said[i] = string(bytes.TrimSpace([]byte(err.Error())))
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(said); err != nil {
		os.Exit(2)
	}
}
