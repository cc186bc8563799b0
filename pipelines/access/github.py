"""GitHub: whether the token shows the projects and the request repository, and what it tells of itself.

    GET /rate_limit                                     -> the token's scopes (classic ones) and its last day, in the headers
    GET /orgs/{org}/projectsV2/{number}, its fields, one item
    GET /repos/{owner}/{repository}/issues              -> one issue of the delivery requests

The repositories of other issues on the projects are not known before every item is read, so they are not asked for here.
https://docs.github.com/rest/overview/permissions-required-for-fine-grained-personal-access-tokens
"""

from __future__ import annotations

from contextlib import closing
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from pipelines import clock
from pipelines.errors import NotFound
from pipelines.sources.github import no_repository, open_github, project_of, project_path, request_repository

if TYPE_CHECKING:
    from pipelines.access.inquiry import Inquiry
    from pipelines.rules import Rules
    from pipelines.settings import Settings
    from pipelines.sources.github import GithubClient
    from pipelines.transport import Response

# Time to make a new token before a daily sync stops
_EXPIRY_NOTICE: Final = timedelta(days=7)
_FINE_GRAINED: Final = (
    "Make a fine-grained token (Settings > Developer settings) with organization Projects: read, Issues: read and "
    "Pull requests: read, and set GITHUB_TOKEN; "
    "`handoff apply` has GITHUB_WRITE_TOKEN."
)


def ask(settings: Settings, rules: Rules, inquiry: Inquiry) -> str:
    """Return what is fine about the access to GitHub; ``inquiry`` keeps the rest. Raises HandoffError."""
    client = open_github(settings, sandbox_url=None)
    with closing(client.transport):
        answer = client.get("/rate_limit")  # counts against no limit
        inquiry.compare_clocks(answer.headers.get("date"))
        found = {number: inquiry.ask(partial(_field_names, client, number)) for number in client.project_numbers}
        _ask_for_requests(client, rules, inquiry)
    opened = {str(number): names for number, names in found.items() if names is not None}
    wanted = rules.organisation["delivery_request_project"]
    if wanted not in map(str, client.project_numbers):
        inquiry.note(
            f"rule_organisation.csv says that delivery requests are on project {wanted} (delivery_request_project), and "
            f"GITHUB_PROJECT_NUMBERS is {settings.github_project_numbers}. Add the number there, or correct the row."
        )
    if opened:
        there = set().union(*opened.values())
        mapping = rules.fields.get(("github", "project_items"), {})
        unmatched = [f"project_items.{field} ({name})" for field, name in mapping.items() if name not in there]
        inquiry.note_unmatched(unmatched, "GitHub project fields", "the name that the field has on the project")
    if not opened:
        return ""
    return (
        f"the token{_until(answer, inquiry)} opens {len(opened)} of {len(found)} projects of {client.organization}, "
        f"and {_writing(answer, inquiry)}."
    )


def _field_names(client: GithubClient, number: int) -> set[str]:
    """Return the names of a project's fields, having seen one of its items as well."""
    project_of(client, number)
    path = project_path(client, number)
    client.get(f"{path}/items", per_page=1)
    return {str(item.get("name")) for page in client.pages(f"{path}/fields") for item in page}


def _ask_for_requests(client: GithubClient, rules: Rules, inquiry: Inquiry) -> None:
    repository = request_repository(client, rules)

    def one_issue() -> Response:
        try:
            return client.get(f"/repos/{repository}/issues", state="all", per_page=1)
        except NotFound as error:
            raise no_repository(repository) from error

    inquiry.ask(one_issue)


def _writing(answer: Response, inquiry: Inquiry) -> str:
    """Say whether the token may write: a classic one tells its scopes, a fine-grained one does not.

    https://docs.github.com/apps/oauth-apps/building-oauth-apps/scopes-for-oauth-apps
    """
    scopes = [scope.strip() for scope in answer.headers.get("x-oauth-scopes", "").split(",") if scope.strip()]
    if not scopes:
        return "whether it may also write cannot be asked (GitHub shows its permissions under Settings > Developer settings)"
    may_write = [scope for scope in scopes if not scope.startswith("read:") and scope != "user:email"]
    if not may_write:
        return "none of its scopes allows writing"
    inquiry.note(
        f"The token of GITHUB_TOKEN is a classic one that may also write ({', '.join(may_write)}), and a sync only reads. {_FINE_GRAINED}"
    )
    return "it may also write"


def _until(answer: Response, inquiry: Inquiry) -> str:
    """Say when the token ends, where GitHub tells, and note it when that is soon."""
    text = answer.headers.get("github-authentication-token-expiration", "").replace(" UTC", " +0000")
    try:
        ends_at = datetime.strptime(text, "%Y-%m-%d %H:%M:%S %z")
    except ValueError:
        return ""
    if ends_at - clock.now() < _EXPIRY_NOTICE:
        inquiry.note(
            f"The token of GITHUB_TOKEN ends on {ends_at:%Y-%m-%d}. Make a new one on GitHub (Settings > Developer settings) before that "
            "day, and set it."
        )
    return f", good until {ends_at:%Y-%m-%d},"
