"""`python -m graphc.cli`."""

import sys

from graphc.cli import main

sys.exit(main())
