"""Lets the vendors' own clients build the requests while the one transport sends them.

The clients' own networking is not used: their retries, missing deadlines and forgiving parsers stay out of the way. Each adapter hands
the answer's bytes on, and errors pass through the clients as the VendorError that the transport raised.
"""

from __future__ import annotations

import json
import re
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    import boto3.session
    import hubspot
    import pyairtable

    from pipelines.transport import Response, Transport

# hubspot-api-client 12 speaks /crm/v3 and /crm/v4, which end in 2027; every call is moved to this dated version
# (https://developers.hubspot.com/changelog/legacy-apis-and-legacy-apps-whats-going-unsupported-and-when).
HUBSPOT_API_VERSION: Final = "2026-09"
# The first words of AWS operations that change something
_CHANGING: Final = ("Create", "Update")
_HUBSPOT_OLD_PATH: Final = re.compile(r"(?<=/crm)/v[34]/([a-z]+)")
# POSTs of HubSpot that only read
_HUBSPOT_READS: Final = re.compile(r"/(batch/read|search)$")


def dated_hubspot_url(url: str) -> str:
    """Return an address of HubSpot's old API versions as the same one of the dated API."""
    address, mark, query = url.partition("?")
    address = _HUBSPOT_OLD_PATH.sub(rf"/\1/{HUBSPOT_API_VERSION}", address, count=1)
    return f"{address.rstrip('/')}{mark}{query}"


class _HubspotRest:
    """Stands where hubspot-api-client keeps its urllib3 pool; the client calls it with what it has built."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def request(  # noqa: PLR0917 - the client's signature
        self,
        method: str,
        url: str,
        query_params: Any = None,
        headers: dict[str, str] | None = None,
        body: Any = None,
        post_params: Any = None,  # noqa: ARG002 - the CRM has no forms
        _preload_content: bool = True,
        _request_timeout: Any = None,
    ) -> Response:
        return self._transport.request(
            method,
            dated_hubspot_url(url),
            headers=headers,
            params=query_params or None,
            content=None if body is None else json.dumps(body),
            idempotent=method == "GET" or bool(_HUBSPOT_READS.search(url)),
        )

    def GET(self, url: str, **options: Any) -> Response:  # noqa: N802 - the client's names
        return self.request("GET", url, **options)

    def POST(self, url: str, **options: Any) -> Response:  # noqa: N802
        return self.request("POST", url, **options)


class HubspotApi:
    """hubspot-api-client over the transport. Each call returns the JSON as it came: the client's typed models drop partial errors."""

    def __init__(self, transport: Transport, token: str) -> None:
        from hubspot import HubSpot  # noqa: PLC0415 - a tenth of a second, and only where HubSpot is used

        def on_our_transport(package: Any, api_name: str, config: dict[str, Any]) -> Any:
            configuration = package.Configuration(host=transport.base_url)
            configuration.access_token = config["access_token"]
            client = package.ApiClient(configuration=configuration)
            client.rest_client = _HubspotRest(transport)
            client.user_agent = "handoff"
            return getattr(package, api_name)(api_client=client)

        self._client: hubspot.HubSpot = HubSpot(access_token=token, api_factory=on_our_transport)
        self._apis: dict[str, Any] = {}

    def list_objects(self, object_type: str, **options: Any) -> Any:
        """Return one page of GET /crm/objects/{version}/{type}."""
        return self._call("objects.basic_api", lambda crm: crm.objects.basic_api, "get_page", object_type, **options)

    def read_objects(self, object_type: str, body: dict[str, Any], *, archived: bool) -> Any:
        """Return the answer of POST /crm/objects/{version}/{type}/batch/read."""
        return self._call("objects.batch_api", lambda crm: crm.objects.batch_api, "read", object_type, body, archived=archived)

    def search_objects(self, object_type: str, body: dict[str, Any]) -> Any:
        """Return the answer of POST /crm/objects/{version}/{type}/search."""
        return self._call("objects.search_api", lambda crm: crm.objects.search_api, "do_search", object_type, body)

    def owners(self, **options: Any) -> Any:
        """Return one page of GET /crm/owners/{version}."""
        return self._call("owners", lambda crm: crm.owners.owners_api, "get_page", **options)

    def pipelines(self, object_type: str) -> Any:
        """Return GET /crm/pipelines/{version}/{type}, stages included."""
        return self._call("pipelines", lambda crm: crm.pipelines.pipelines_api, "get_all", object_type)

    def properties(self, object_type: str) -> Any:
        """Return GET /crm/properties/{version}/{type}."""
        return self._call("properties", lambda crm: crm.properties.core_api, "get_all", object_type)

    def association_labels(self, from_type: str, to_type: str) -> Any:
        """Return GET /crm/associations/{version}/{from}/{to}/labels."""
        api = "associations.v4.schema"
        return self._call(api, lambda crm: crm.associations.v4.schema.definitions_api, "get_all", from_type, to_type)

    def read_associations(self, from_type: str, to_type: str, body: dict[str, Any]) -> Any:
        """Return the answer of POST /crm/associations/{version}/{from}/{to}/batch/read."""
        return self._call("associations.v4", lambda crm: crm.associations.v4.batch_api, "get_page", from_type, to_type, body)

    def _call(self, key: str, find: Callable[[Any], Any], operation: str, *arguments: Any, **options: Any) -> Any:
        if key not in self._apis:  # every access of the client builds a new one
            self._apis[key] = find(self._client.crm)
        chosen = {name: value for name, value in options.items() if value is not None}
        return getattr(self._apis[key], operation)(*arguments, **chosen, _preload_content=False).json()


def airtable_api(transport: Transport, token: str) -> pyairtable.Api:
    """Return a pyairtable client over the transport, without retries of its own and with field ids instead of names."""
    import requests  # noqa: PLC0415 - what pyairtable builds its requests with
    from pyairtable import Api  # noqa: PLC0415 - half a second, and only where Airtable is used
    from requests.adapters import BaseAdapter  # noqa: PLC0415

    class _OnOurTransport(BaseAdapter):
        def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]  # noqa: ARG002
            answer = transport.request(
                str(request.method),
                str(request.url),
                headers={
                    name: str(value)
                    for name, value in request.headers.items()
                    if name.lower() not in {"connection", "content-length"}
                },
                content=request.body,  # type: ignore[arg-type]
                idempotent=request.method == "GET",
            )
            made = requests.Response()
            made.status_code = answer.status
            made.headers.update(answer.headers)
            made._content = answer.content  # noqa: SLF001 - requests offers no other way in
            made.url = answer.url
            made.request = request
            made.encoding = "utf-8"
            return made

        def close(self) -> None:
            """The transport is closed by whoever opened it."""

    api = Api(token, endpoint_url=transport.base_url, retry_strategy=None, use_field_ids=True)
    api.session.trust_env = False  # a .netrc must not put another token into the place of ours
    for scheme in ("https://", "http://"):
        api.session.mount(scheme, _OnOurTransport())
    return api


def aws_client(
    session: boto3.session.Session, transport: Transport, service: str, endpoint_url: str, *, region: str = "us-east-1"
) -> Any:
    """Return a boto3 client whose signed requests the transport sends, with retries of boto3 off.

    What only reads may be repeated; what creates or updates is sent once.
    """
    from botocore.awsrequest import AWSResponse  # noqa: PLC0415 - comes with boto3
    from botocore.config import Config  # noqa: PLC0415

    client = session.client(
        service,
        region_name=region,
        endpoint_url=endpoint_url,
        config=Config(
            retries={"total_max_attempts": 1, "mode": "standard"},
            # a bucket's own host would not be on the transport's list; its length and digest are checked by who reads
            s3={"addressing_style": "path"},
            response_checksum_validation="when_required",
        ),
    )

    def send(request: Any, **_: Any) -> Any:
        headers = {
            name: value.decode("latin-1") if isinstance(value, bytes) else str(value)
            for name, value in request.headers.items()
            if name.lower() != "content-length"
        }
        operation = headers.get("X-Amz-Target", "").rpartition(".")[2]
        is_json = service not in {"sts", "s3"}  # these speak XML
        body = request.body
        answer = transport.request(
            request.method,
            request.url,
            headers=headers,
            content=body,
            idempotent=not operation.startswith(_CHANGING),
            expect="json" if is_json else "bytes",
        )
        made = AWSResponse(request.url, answer.status, dict(answer.headers), BytesIO(answer.content))
        made._content = answer.content  # noqa: SLF001 - botocore offers no other way in
        return made

    client.meta.events.register("before-send", send)
    return client
