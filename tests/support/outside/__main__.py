"""Build the Go program ahead of the tests, so that none of them waits for it; say it where that cannot be done."""

import sys

from tests.support.outside.sumdb import NoGoError, built

if __name__ == "__main__":
    try:
        built()
    except NoGoError as failed:
        sys.stderr.write(f"Tests that ask Go's checksum database are left out: {failed}.\n")
