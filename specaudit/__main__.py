"""`python -m specaudit` is the program."""

import sys

from specaudit.cli import main

sys.exit(main())
