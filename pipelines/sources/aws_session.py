"""Who asks AWS: the keys of the settings or of the AWS default chain, or the sandbox's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.dialects import AwsDialect
from pipelines.errors import ConfigurationError
from pipelines.settings import SANDBOX_TOKEN

if TYPE_CHECKING:
    import boto3.session

    from pipelines.settings import Settings


def aws_session(settings: Settings) -> boto3.session.Session:
    """Return boto3's session with the keys or the profile of the settings. Raises ConfigurationError."""
    import boto3  # noqa: PLC0415 - half a second, and only where AWS is used
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415

    secrets = {
        "aws_access_key_id": settings.aws_access_key_id,
        "aws_secret_access_key": settings.aws_secret_access_key,
        "aws_session_token": settings.aws_session_token,
    }
    try:
        return boto3.Session(
            profile_name=settings.aws_profile or None,
            **{name: secret.get_secret_value() for name, secret in secrets.items() if secret is not None},
        )
    except BotoCoreError as error:
        raise ConfigurationError(f"The AWS settings do not fit together ({error}). {AwsDialect.credential_help}") from error


def aws_write_session(settings: Settings) -> boto3.session.Session:
    """Return boto3's session with the keys for writing, and no other. Raises ConfigurationError when one is missing."""
    import boto3  # noqa: PLC0415 - as above

    secrets = {
        "aws_access_key_id": settings.aws_write_access_key_id,
        "aws_secret_access_key": settings.aws_write_secret_access_key,
        "aws_session_token": settings.aws_write_session_token,
    }
    missing = [name for name in ("aws_access_key_id", "aws_secret_access_key") if secrets[name] is None]
    if missing:
        variable = missing[0].replace("aws_", "aws_write_", 1).upper()
        raise ConfigurationError(
            f"{variable} is not set, so nothing was written. Make keys for writing in IAM, in the payer's account, that may do "
            "budgets:ViewBudget and budgets:ModifyBudget and nothing else, and set them in the environment or in .env; reading keeps its own keys."
        )
    return boto3.Session(**{name: secret.get_secret_value() for name, secret in secrets.items() if secret is not None})


def sandbox_session(token: str = SANDBOX_TOKEN) -> boto3.session.Session:
    """Return boto3's session with a token of the sandbox for a key."""
    import boto3  # noqa: PLC0415 - as above

    return boto3.Session(aws_access_key_id=token, aws_secret_access_key=token)
