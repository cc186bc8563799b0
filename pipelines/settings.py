"""The only reader of the environment: where things live, which vendors are real, and with which token.

A vendor without a token is read from the sandbox, and every report and screen then says SANDBOX. Values come from the environment or
from ``.env`` in the working directory (see ``.env.example``); secrets do not print.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
from datetime import date
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipelines.errors import ConfigurationError
from pipelines.redaction import hide

PROJECT_ROOT: Final = Path(__file__).resolve().parent.parent
# What the sandbox asks for. Not a secret: it opens nothing but the invented organisation.
SANDBOX_TOKEN: Final = "sandbox-token"  # noqa: S105
SANDBOX_WRITE_TOKEN: Final = "sandbox-write-token"  # noqa: S105
DEMO_AS_OF: Final = date(2026, 11, 16)

Vendor = Literal["hubspot", "airtable", "asana", "github", "aws", "sheets", "intacct", "prometheus"]
# Every vendor that there is code for; ``rules.vendors`` says which of them an organisation uses.
VENDORS: Final[tuple[Vendor, ...]] = ("hubspot", "airtable", "asana", "github", "aws", "sheets", "intacct", "prometheus")
# The setting that makes a vendor real, and the one with which it is written to
TOKENS: Final[dict[Vendor, str]] = {
    "hubspot": "hubspot_access_token",
    "airtable": "airtable_token",
    "asana": "asana_access_token",
    "github": "github_token",
    "aws": "aws_access_key_id",
    "sheets": "sheets_service_account_file",
    "intacct": "intacct_client_secret",
    "prometheus": "prometheus_url",  # a server within a network of its own asks for no token
}
WRITE_TOKENS: Final[dict[Vendor, str]] = {
    "hubspot": "hubspot_write_token",
    "airtable": "airtable_write_token",
    "asana": "asana_write_token",
    "github": "github_write_token",
    "aws": "aws_write_access_key_id",
    "sheets": "sheets_write_service_account_file",
}
_CHANNEL: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*=[A-Za-z][A-Za-z0-9+.-]*://\S+")
ENV_FILE: Final = Path(".env")  # in the working directory
# <malloc.h> of glibc
_M_ARENA_MAX: Final = -8
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class Settings(BaseSettings):
    """Everything that can be set from outside. Names in the environment are the field names in capitals."""

    # an empty value is no value: `.env.example` is full of them
    model_config = SettingsConfigDict(
        env_file=ENV_FILE, env_file_encoding="utf-8", env_ignore_empty=True, extra="ignore", frozen=True
    )

    handoff_home: Path = Field(default=Path("data"), description="Where snapshots, plans, imports and the ledger live.")
    rules_dir: Path = Field(
        default=PROJECT_ROOT / "dbt" / "seeds" / "default", description="The rule tables (CSV) that are in force."
    )
    duckdb_memory_limit: str = Field(
        default="2GB",
        pattern=r"^[0-9]+(\.[0-9]+)?(MB|GB|MiB|GiB)$",
        description="So much memory does DuckDB take while costs are added up and models are built; more goes to disk.",
    )
    ledger_url: SecretStr | None = Field(
        default=None,
        description="A PostgreSQL database for the ledger of a team; without it the ledger is a file in HANDOFF_HOME.",
    )
    snapshot_url: str | None = Field(
        default=None, description="Object storage (s3://bucket/prefix) where snapshots are published and read as well."
    )
    snapshot_access_key_id: SecretStr | None = Field(
        default=None, description="Key of that bucket; without it AWS's default chain."
    )
    snapshot_secret_access_key: SecretStr | None = Field(default=None, description="Goes with it.")
    handoff_engine: Literal["duckdb", "ducklake", "spark"] = Field(
        default="duckdb", description="What builds the models: DuckDB in this process, or Spark (docs/scaling.md)."
    )
    spark_master_url: str = Field(
        default="local[2]", description="Spark's master: spark://host:7077, or local[2] for two threads of this machine."
    )
    spark_lake_dir: Path | None = Field(
        default=None,
        description="The folder between handoff and Spark, which every worker sees under the same path; else HANDOFF_HOME/lake.",
    )
    sandbox_port: int = Field(default=8750, ge=1, le=65535, description="Port of the sandbox on 127.0.0.1.")
    dashboard_port: int = Field(default=8501, ge=1, le=65535, description="Port of the dashboard.")
    dashboard_address: str = Field(
        default="127.0.0.1",
        description="Address that the dashboard listens on; another one than this machine's needs the log-in.",
    )
    dashboard_url: str | None = Field(
        default=None, description="Where people open the dashboard, such as https://handoff.example.org; needed for the log-in."
    )
    oidc_metadata_url: str | None = Field(
        default=None,
        description="The provider's .well-known/openid-configuration; with it everybody logs in before a page shows anything.",
    )
    oidc_client_id: str | None = Field(default=None, description="The dashboard's client id at the provider.")
    oidc_client_secret: SecretStr | None = Field(default=None, description="The secret of that client.")

    hubspot_access_token: SecretStr | None = Field(default=None, description="HubSpot service key for reading.")
    hubspot_write_token: SecretStr | None = Field(default=None, description="HubSpot service key for `handoff apply`.")
    hubspot_base_url: str = Field(default="https://api.hubapi.com", description="Address of the HubSpot API.")
    hubspot_full_list_records: int = Field(
        default=500, ge=0, description="Up to so many records of an object are read in full at every sync; above, what changed."
    )
    hubspot_full_sweep_days: int = Field(
        default=7, ge=0, description="After so many days every record is read in full again, whatever its number."
    )
    hubspot_stage_history: bool = Field(
        default=True, description="Read who moved a deal to which stage and when; stage gates and velocity rest on it."
    )
    airtable_token: SecretStr | None = Field(default=None, description="Airtable personal access token for reading.")
    airtable_write_token: SecretStr | None = Field(default=None, description="Airtable token for `handoff apply`.")
    airtable_base_url: str = Field(default="https://api.airtable.com", description="Address of the Airtable API.")
    airtable_base_id: str | None = Field(default=None, description="The base that holds engagements (app...).")
    asana_access_token: SecretStr | None = Field(default=None, description="Asana access token for reading.")
    asana_write_token: SecretStr | None = Field(default=None, description="Asana access token for `handoff apply`.")
    asana_base_url: str = Field(default="https://app.asana.com/api/1.0", description="Address of the Asana API.")
    asana_workspace_id: str | None = Field(default=None, description="The workspace (gid) that holds the engagements.")
    asana_portfolio_ids: str = Field(
        default="", description="Portfolios (gids, separated by commas) of the engagements; their projects are read with tasks."
    )
    github_token: SecretStr | None = Field(default=None, description="GitHub fine-grained token for reading.")
    github_write_token: SecretStr | None = Field(default=None, description="GitHub token for `handoff apply`.")
    github_base_url: str = Field(default="https://api.github.com", description="Address of the GitHub API.")
    github_org: str | None = Field(default=None, description="The organisation that owns the projects.")
    github_project_numbers: str = Field(default="", description="Project numbers, separated by commas.")
    aws_access_key_id: SecretStr | None = Field(default=None, description="Only to see whether AWS is configured.")
    aws_secret_access_key: SecretStr | None = Field(default=None, description="Read by boto3's default chain.")
    aws_session_token: SecretStr | None = Field(default=None, description="Goes with keys that expire.")
    aws_write_access_key_id: SecretStr | None = Field(
        default=None, description="AWS key for `handoff apply`; it keeps budgets and nothing else."
    )
    aws_write_secret_access_key: SecretStr | None = Field(default=None, description="Goes with AWS_WRITE_ACCESS_KEY_ID.")
    aws_write_session_token: SecretStr | None = Field(default=None, description="Goes with keys for writing that expire.")
    aws_profile: str | None = Field(default=None, description="A profile of the AWS default chain.")
    aws_endpoint_url_cost_explorer: str | None = Field(default=None, description="Cost Explorer elsewhere (tests).")
    aws_endpoint_url_budgets: str | None = Field(default=None, description="AWS Budgets elsewhere (tests).")
    aws_endpoint_url_organizations: str | None = Field(default=None, description="AWS Organizations elsewhere (tests).")
    aws_endpoint_url_sts: str | None = Field(default=None, description="AWS STS elsewhere (tests).")
    aws_endpoint_url_s3: str | None = Field(default=None, description="S3 elsewhere (tests, or a store that speaks its API).")
    aws_s3_region: str = Field(default="us-east-1", description="The region of the bucket that holds cost exports.")
    aws_budget_account_ids: str = Field(default="", description="Accounts whose budgets are read; empty: the payer's.")
    aws_cost_explorer_months: int = Field(
        default=2,
        ge=1,
        le=12,
        description="So many full months before the present one are read again at every sync; older days stay.",
    )
    aws_cost_explorer_max_calls: int = Field(
        default=100, ge=1, description="So many pages of Cost Explorer, at one US cent each, may a sync ask for."
    )

    sheets_service_account_file: Path | None = Field(
        default=None, description="The key file (JSON) of the Google service account that reads the cloud-billing spreadsheet."
    )
    sheets_write_service_account_file: Path | None = Field(
        default=None, description="The key file of the service account that `handoff apply` adds a column with."
    )
    sheets_spreadsheet_id: str | None = Field(
        default=None, description="The cloud-billing spreadsheet: the part of its address after /spreadsheets/d/."
    )
    sheets_tab: str | None = Field(default=None, description="The title of its tab with a column for each deal; else the first.")
    sheets_base_url: str = Field(default="https://sheets.googleapis.com", description="Address of the Google Sheets API.")
    sheets_token_url: str = Field(
        default="https://oauth2.googleapis.com/token", description="Where a service account gets its access token."
    )

    intacct_client_id: str | None = Field(default=None, description="The client id of the application at Sage Intacct.")
    intacct_client_secret: SecretStr | None = Field(default=None, description="The secret of that application.")
    intacct_username: str | None = Field(
        default=None, description="The web services user that reads the invoices: user@company, or user@company|entity."
    )
    intacct_base_url: str = Field(
        default="https://api.intacct.com/ia/api/v1", description="Address of the REST API of Sage Intacct."
    )
    intacct_invoices_from: date | None = Field(
        default=None, description="Only invoices of this day and later are read from Sage Intacct; empty: all of them."
    )

    prometheus_url: str | None = Field(
        default=None,
        description="Address of a server that speaks Prometheus's HTTP API, without /api/v1; users of hubs are read from it.",
    )
    prometheus_token: SecretStr | None = Field(default=None, description="What it takes as a bearer token, if it asks for one.")
    prometheus_username: str | None = Field(default=None, description="The user, where it asks for a user and password instead.")
    prometheus_password: SecretStr | None = Field(default=None, description="The password of that user.")
    prometheus_months: int = Field(
        default=13,
        ge=1,
        le=120,
        description="So many complete months are asked for at every sync; what was read of earlier ones stays.",
    )

    cost_exports: str | None = Field(
        default=None, description="A folder or s3://bucket/prefix of AWS Data Exports that every sync reads what changed of."
    )
    log_format: Literal["auto", "human", "json"] = Field(
        default="auto", description="Standard error as sentences or as JSON lines; auto: JSON when it is no terminal."
    )
    email_hash_key: SecretStr | None = Field(
        default=None, description="Key of the hash that stands for people's e-mails; made and kept in HANDOFF_HOME if unset."
    )
    store_emails: bool = Field(default=False, description="Store e-mail addresses in clear instead of keyed hashes.")

    notify_urls: SecretStr | None = Field(
        default=None, description="Channels of notifications, name=url for each, separated by spaces; the urls are apprise's."
    )
    events_url: SecretStr | None = Field(
        default=None, description="An address that hears of each event, for programs such as n8n."
    )
    events_secret: SecretStr | None = Field(
        default=None, min_length=24, description="Signs what goes to EVENTS_URL; make one with `openssl rand -hex 24`."
    )
    serve_token: SecretStr | None = Field(
        default=None, min_length=24, description="What programs show to `handoff serve`; make one with `openssl rand -hex 24`."
    )
    serve_port: int = Field(default=8510, ge=1024, le=65535, description="Port of `handoff serve` on 127.0.0.1.")
    serve_quiet_seconds: float = Field(
        default=20, ge=0, le=3600, description="So long after something was asked for does `handoff serve` read; more may come."
    )
    serve_per_minute: int = Field(default=60, ge=1, description="So many requests in a minute does `handoff serve` take.")
    heartbeat_url: SecretStr | None = Field(
        default=None, description="An address that hears of the start and the end of every sync (healthchecks.io or alike)."
    )

    @field_validator(
        "handoff_home", "rules_dir", "spark_lake_dir", "sheets_service_account_file", "sheets_write_service_account_file"
    )
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        try:
            return value.expanduser().resolve() if value is not None else None
        except RuntimeError as error:
            raise ValueError(f"{value} leads to no folder ({error})") from error

    @field_validator(
        *("hubspot_access_token", "hubspot_write_token", "airtable_token", "airtable_write_token", "github_token"),
        *("asana_access_token", "asana_write_token", "intacct_client_secret", "prometheus_token"),
        *("github_write_token", "aws_access_key_id", "aws_secret_access_key", "aws_session_token"),
        *("aws_write_access_key_id", "aws_write_secret_access_key", "aws_write_session_token"),
    )
    @classmethod
    def _one_word(cls, value: SecretStr | None) -> SecretStr | None:
        text = value.get_secret_value().strip() if value is not None else ""
        if not all("!" <= character <= "~" for character in text):
            raise ValueError("it holds characters that no token has, such as a space, a line break or a letter with an accent")
        return SecretStr(text) if text else None

    @field_validator(
        *("hubspot_base_url", "airtable_base_url", "asana_base_url", "github_base_url", "aws_endpoint_url_cost_explorer"),
        *("aws_endpoint_url_budgets", "aws_endpoint_url_organizations", "aws_endpoint_url_sts", "aws_endpoint_url_s3"),
        *("sheets_base_url", "sheets_token_url", "intacct_base_url", "prometheus_url"),
    )
    @classmethod
    def _safe_address(cls, value: str | None) -> str | None:
        """Refuse addresses over which a token would travel in clear; this machine itself is fine."""
        if value is None:
            return None
        try:
            parts = urlsplit(value.strip())
            is_safe = bool(parts.hostname) and (
                parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
            )
        except ValueError:
            is_safe = False
        if not is_safe:
            raise ValueError("it is no address that begins with https:// (http:// is for this machine only)")
        return value.strip()

    @field_validator("ledger_url")
    @classmethod
    def _postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        """Refuse addresses of other databases; the address itself may hold a password and is never repeated."""
        text = value.get_secret_value().strip() if value is not None else ""
        try:
            parts = urlsplit(text)
            is_usable = not text or (
                parts.scheme in {"postgresql", "postgres"} and bool(parts.username) and len(parts.path) > 1 and parts.port != 0
            )
        except ValueError:
            is_usable = False
        if not is_usable:
            raise ValueError("it is no address of the form postgresql://user:password@host/database")
        return SecretStr(text.replace("postgres://", "postgresql://", 1)) if text else None

    @field_validator("notify_urls")
    @classmethod
    def _channels(cls, value: SecretStr | None) -> SecretStr | None:
        """Refuse what is no list of channels; an address holds passwords and is never repeated."""
        for number, entry in enumerate(value.get_secret_value().split() if value is not None else (), 1):
            if not _CHANNEL.fullmatch(entry):
                raise ValueError(f"entry {number} has not the form name=url, such as mail=mailtos://user:password@example.org")
        return value

    @field_validator("heartbeat_url", "events_url")
    @classmethod
    def _web_address(cls, value: SecretStr | None) -> SecretStr | None:
        address = cls._safe_address(value.get_secret_value()) if value is not None else None
        return None if address is None else SecretStr(address)

    def is_sandbox(self, vendor: Vendor) -> bool:
        """Return whether ``vendor`` is read from the sandbox because nobody has given a token for it."""
        return getattr(self, TOKENS[vendor]) is None and (vendor != "aws" or self.aws_profile is None)

    @property
    def sandbox_url(self) -> str:
        """The sandbox's address; each vendor lives below it (``/hubspot``, ``/airtable``, ``/asana``, ...)."""
        return f"http://127.0.0.1:{self.sandbox_port}"


def load_settings(**overrides: object) -> Settings:
    """Read the environment and ``.env``; ``overrides`` win.

    Raises pydantic's ValidationError with the field's name, ConfigurationError when ``.env`` cannot be read.
    """
    try:
        settings = Settings(**overrides)  # type: ignore[arg-type]
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{ENV_FILE.absolute()} cannot be read ({error}). Save it as UTF-8 text that you may read, or remove it."
        ) from error
    hide(value.get_secret_value() for _, value in settings if isinstance(value, SecretStr))
    return settings


def ledger_url() -> str | None:
    """Return the address of the ledger's database, None for the file. All processes of a home must agree, so it is no argument."""
    url = load_settings().ledger_url
    return None if url is None else url.get_secret_value()


def log_format() -> str:
    """Return how standard error is written. Read by itself, because a setting that is wrong must be said in the format that was asked for."""
    wanted = os.environ.get("LOG_FORMAT") or dotenv_values(ENV_FILE, verbose=False).get("LOG_FORMAT") or "auto"
    return wanted if wanted in {"human", "json"} else "auto"


def names_in_env_file() -> list[str]:
    """Return the names that ``.env`` gives a value, whether handoff knows them or not."""
    return [name for name, value in dotenv_values(ENV_FILE).items() if value]


def ambient_environment() -> dict[str, str]:
    """Return a copy of the environment for a child process that handoff starts."""
    return dict(os.environ)


def prepare_dlt(work_folder: Path) -> None:
    """Point dlt at ``work_folder``, before its first import: nothing of it lands in the user's home or in the working directory.

    The empty secrets file keeps dlt from importing Streamlit to look for secrets there (three seconds a process), and a fresh
    folder for each run keeps a package that a killed run left behind from being loaded instead of new data.
    """
    folder = work_folder / ".dlt"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / "secrets.toml").touch(mode=0o600)
    (folder / "config.toml").write_text(
        "[runtime]\ndlthub_telemetry = false\nlog_level = 'ERROR'\n"
        # Ctrl-C ends a run at once; dlt would carry on for as long as it likes
        "intercept_signals = false\n"
        # completed packages would keep people's data in files of their own; DuckDB has one writer, so more workers only cost memory
        "[load]\ndelete_completed_jobs = true\nworkers = 1\n[data_writer]\nfile_max_items = 4000\nbuffer_max_items = 1000\n",
        encoding="utf-8",
    )
    # Arrow's own pool keeps what it once had; the system's gives it back, which is a hundred megabytes of a run
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    _share_one_arena()
    os.environ["DLT_PROJECT_DIR"] = str(work_folder)
    os.environ["DLT_DATA_DIR"] = str(work_folder / "dlt_data")
    os.environ["DLT_LOCAL_DIR"] = str(work_folder)


def _share_one_arena() -> None:
    """Keep glibc from giving every thread a heap of its own, which costs twenty megabytes of a run; elsewhere do nothing."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:  # musl has none
        mallopt(_M_ARENA_MAX, 1)


def prepare_dbt(*, building_file: Path, work_folder: Path, rules_dir: Path, as_of: date | None = None) -> None:
    """Tell dbt where the private copy and the rule tables are, which day the reports speak of, and that its telemetry stays off.

    dbt parses everything anew (ten seconds) when the path of its database changes. Seen from ``work_folder``, where it is run, the private
    copy has the same path in every home, so one that was copied, moved or restored is not parsed anew.
    """
    os.environ["HANDOFF_BUILD_FILE"] = os.path.relpath(building_file.resolve(), work_folder.resolve())
    os.environ["HANDOFF_RULES_DIR"] = os.path.relpath(rules_dir, PROJECT_ROOT / "dbt")
    os.environ["HANDOFF_AS_OF"] = as_of.isoformat() if as_of else ""  # empty: the variable of dbt_project.yml
    os.environ["HANDOFF_MEMORY_LIMIT"] = load_settings().duckdb_memory_limit
    os.environ["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"


def prepare_checks(kinds: tuple[str, ...]) -> None:
    """Tell dbt/macros/checks_at_once.sql which kinds of data tests to run at the end of a build; none where a node each runs them."""
    os.environ["HANDOFF_CHECKS_AT_ONCE"] = " ".join(kinds)


def prepare_spark() -> None:
    """Tell Spark which Python its workers on this machine run, before its first import."""
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)


def java_home() -> Path | None:
    """Return where the environment says that Java is, None when it does not say."""
    home = os.environ.get("JAVA_HOME")
    return Path(home) if home else None
