"""Where the project is, and where recordings lie beside it on a machine that has them."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHARED_FOLDER = ROOT.parent / "shared"
