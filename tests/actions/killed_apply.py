"""A process that applies a plan at a loopback address, to be killed: python killed_apply.py HOME PLAN URL."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from vendor_double import LoopbackSender
from write_back import DoubleTargets, default_rules

from pipelines import clock
from pipelines.actions.apply import apply_plan
from pipelines.ledger import Ledger
from pipelines.settings import load_settings


def main(home, path, url):
    rules = default_rules()
    rows = rules.table("rule_guards")
    rules._tables["rule_guards"] = [row | {"value": "0.2"} if row["key"] == "settle_seconds" else row for row in rows]
    settings = load_settings(handoff_home=home, _env_file=None)
    targets = DoubleTargets(LoopbackSender(), rules, url)
    with Ledger.open(home) as ledger:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        result = apply_plan(path, settings, rules, ledger, now=clock.now(), operator="ana", targets=targets)
    return result.exit_code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
