"""The tree on the disk: signed notes, files, the sequencer that grows it, and the sweep that compares it with the log."""
