"""A process that applies plans at a loopback address in processes of its own, each to be killed: a line HOME PLAN URL starts one.

It answers with the number of the new process and, after one more line, with how that ended. Everything is imported once, so that a
hundred kills take minutes and not an hour.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from vendor_double import LoopbackSender
from write_back import DoubleTargets, default_rules

from pipelines import clock
from pipelines.actions.apply import apply_plan
from pipelines.ledger import Ledger
from pipelines.settings import load_settings


def apply(home, path, url):
    rules = default_rules()
    rows = rules.table("rule_guards")
    rules._tables["rule_guards"] = [row | {"value": "0.2"} if row["key"].startswith("settle_seconds") else row for row in rows]
    settings = load_settings(handoff_home=home, _env_file=None)
    targets = DoubleTargets(LoopbackSender(), rules, url)
    with Ledger.open(home) as ledger:
        return apply_plan(path, settings, rules, ledger, now=clock.now(), operator="ana", targets=targets).exit_code


def main():
    for line in sys.stdin:
        home, path, url = line.split()
        process = os.fork()
        if process == 0:
            os._exit(apply(Path(home), Path(path), url))
        sys.stdout.write(f"{process}\n")
        sys.stdout.flush()
        sys.stdin.readline()  # until it is waited for, its number is nobody else's
        _, status = os.waitpid(process, 0)
        sys.stdout.write("killed\n" if os.WIFSIGNALED(status) else f"ended {os.WEXITSTATUS(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
