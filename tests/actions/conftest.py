import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from vendor_double import Vendors
from write_back import WriteBack, fill


@pytest.fixture
def vendors():
    return fill(Vendors())


@pytest.fixture
def write_back(home, vendors):
    return WriteBack(home, vendors)
