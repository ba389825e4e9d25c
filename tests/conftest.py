import os

# Every pass's result is verified while tests run.
os.environ.setdefault("GRAPHC_VERIFY", "1")
