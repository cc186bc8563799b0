"""What AWS says besides rows: the codes of its errors, and the sentences that people read instead of them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from pipelines.dialects import AwsDialect
from pipelines.errors import ConfigurationError, Forbidden, GarbageAnswer, Refused, Unauthorized

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]

FORBIDDEN: Final = frozenset({"AccessDeniedException", "AccessDenied", "UnauthorizedOperation"})


def error_code(error: Exception) -> str:
    """Return the code of an error that boto3 parsed; empty for any other."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


@contextmanager
def in_sentences() -> Iterator[None]:
    """Turn what boto3 raises into sentences; VendorErrors of the transport pass."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - comes with boto3
    from botocore.parsers import ResponseParserError  # noqa: PLC0415

    try:
        yield
    except ClientError as error:
        code, words = error_code(error), str(error.response.get("Error", {}).get("Message", ""))[:200].rstrip(".")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
        place = f"{error.operation_name} ({code}{f': {words}' if words else ''})"
        if AwsDialect.is_identity(code):
            raise Unauthorized(
                f"AWS does not accept {AwsDialect.credential} for {place}. {AwsDialect.credential_help}"
            ) from error
        if code in FORBIDDEN:
            raise Forbidden(f"AWS does not let this identity do {place}. {AwsDialect.scope_help}") from error
        raise Refused(
            f"AWS declined {place}. Nothing was loaded from AWS; check the AWS settings, then run `handoff sync` again.",
            status=status,
            answer=error.response.get("Error"),
        ) from error
    except BotoCoreError as error:
        raise ConfigurationError(f"The AWS settings are not complete ({error}). {AwsDialect.credential_help}") from error
    except ResponseParserError as error:
        raise GarbageAnswer(
            "AWS answered with something that is no answer of AWS, so nothing was loaded from it. "
            "Check the network and the AWS_ENDPOINT_URL settings, and run `handoff sync` again later."
        ) from error
    except (KeyError, TypeError, ValueError) as error:
        raise GarbageAnswer(
            f"AWS answered without a part that its models promise ({type(error).__name__}: {error}), so nothing was loaded from AWS. "
            "Check the AWS_ENDPOINT_URL settings, and run `handoff sync` again later."
        ) from error
