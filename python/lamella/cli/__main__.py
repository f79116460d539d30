"""``python -m lamella.cli``."""

import sys

from lamella.cli import main

sys.exit(main())
