"""`python -m nasbench_suite.cli` is the command `nasbench`."""

import sys

from nasbench_suite.cli import main

if __name__ == "__main__":
    sys.exit(main())
