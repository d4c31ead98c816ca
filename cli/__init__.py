"""The command line: `baton run`, `chat`, `runs`, `review`, `init`, `doctor` and what else `baton --help` lists."""
