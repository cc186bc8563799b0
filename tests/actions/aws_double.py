"""AWS Budgets over dictionaries, as far as write-back needs it: two identities of one payer account."""

from __future__ import annotations

from airtable_double import kept
from vendor_double import BUSY, LOST_AFTER, LOST_BEFORE

from pipelines.errors import DeadlineExceeded, Unavailable

PAYER = "999900001111"


class AwsRefusal(Exception):
    """An error as boto3 raises it."""

    def __init__(self, code, message="said the double"):
        super().__init__(f"{code}: {message}")
        self.response = {"Error": {"Code": code, "Message": message}}


class AwsDouble:
    """Calls of one identity; the budgets and the log are those of ``vendors``."""

    def __init__(self, vendors, *, may_write):
        self._vendors = vendors
        self._may_write = may_write

    def pages(self, service, operation, token, **parameters):
        yield self.call(service, operation, **parameters)

    def call(self, service, operation, **parameters):
        vendors = self._vendors
        is_write = operation.startswith(("create", "update"))
        named = "".join(part.title() for part in operation.split("_"))
        vendors.log.append(("POST" if is_write else "GET", f"/aws/{service}:{named}", parameters))
        if not is_write:
            return getattr(self, f"_{operation}")(**parameters)
        if not self._may_write:
            raise AwsRefusal("AccessDeniedException")
        fault = vendors.faults.pop(0) if vendors.faults else None
        if vendors.before_write:
            vendors.before_write("POST", named, parameters)
        if fault == BUSY:
            raise Unavailable("Service unavailable")
        if fault == LOST_BEFORE:
            raise DeadlineExceeded("No answer within 60 s.")
        getattr(self, f"_{operation}")(**parameters)
        if vendors.after_write:
            vendors.after_write("POST", named, parameters)
        if fault == LOST_AFTER:
            raise DeadlineExceeded("No answer within 60 s.")
        return {"ResponseMetadata": {"RequestId": "r-1"}}

    def served(self, path, parameters):
        """Answer a call that came over loopback as `/budgets/create_budget`; a refusal travels as its code."""
        service, _, operation = path.strip("/").partition("/")
        try:
            return {"answer": self.call(service, operation, **(parameters or {}))}
        except AwsRefusal as refusal:
            return {"refusal": refusal.response["Error"]["Code"]}

    def _describe_organization(self):
        return {"Organization": {"MasterAccountId": self._vendors.payer}}

    def _get_caller_identity(self):
        return {"Account": self._vendors.aws_writer or self._vendors.payer}

    def _describe_budgets(self, AccountId, MaxResults):  # noqa: N803 - AWS's own names
        assert AccountId == self._vendors.payer
        return {"Budgets": list(self._vendors.budgets.values())}

    def _create_budget(self, AccountId, Budget, NotificationsWithSubscribers):  # noqa: N803
        if Budget["BudgetName"] in self._vendors.budgets:
            raise AwsRefusal("DuplicateRecordException")
        self._vendors.budgets[Budget["BudgetName"]] = kept(Budget)
        self._vendors.budget_alarms[Budget["BudgetName"]] = NotificationsWithSubscribers

    def _update_budget(self, AccountId, NewBudget):  # noqa: N803
        assert "CalculatedSpend" not in NewBudget
        if NewBudget["BudgetName"] not in self._vendors.budgets:
            raise AwsRefusal("NotFoundException")
        self._vendors.budgets[NewBudget["BudgetName"]] = kept(NewBudget)


class AwsOverLoopback:
    """Calls of one identity from another process, for the apply that is killed."""

    def __init__(self, sender, url, token):
        self._sender, self._url, self._headers = sender, url, {"Authorization": f"Bearer {token}"}

    def pages(self, service, operation, token, **parameters):
        yield self.call(service, operation, **parameters)

    def call(self, service, operation, **parameters):
        method = "POST" if operation.startswith(("create", "update")) else "GET"
        url = f"{self._url}/aws/{service}/{operation}"
        told = self._sender.request(method, url, headers=self._headers, json=parameters, idempotent=method == "GET").json()
        if "refusal" in told:
            raise AwsRefusal(told["refusal"])
        return told["answer"]
