"""A broker with TLS: ``rediss://``, with a real redis-server."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from gntp_logging.fleet.redis_streams import BrokerError, RedisStreams
from tests.certificates import Issuer
from tests.fleet.servers import running_redis
from tests.support import free_port


def test_a_broker_with_tls_is_one_whose_certificate_is_trusted(tmp_path: Path) -> None:
    """By the authority that the address names; another's is refused, and nothing is published."""
    issuer = Issuer(tmp_path)
    certificate, port = str(issuer.issue()), free_port()
    tls = ["--tls-port", str(port), "--tls-cert-file", certificate, "--tls-key-file", certificate]
    tls += ["--tls-ca-cert-file", str(issuer.file), "--tls-auth-clients", "no"]
    other = tmp_path / "other"
    other.mkdir()
    with running_redis(tmp_path, *tls) as server:
        trusted = RedisStreams(f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={issuer.file}", 5.0)
        trusted.publish("p", 1, [{b"d": b"", b"s": b""}], math.inf)
        trusted.close()
        stranger = RedisStreams(f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={Issuer(other).file}", 5.0)
        with pytest.raises(BrokerError, match="CERTIFICATE_VERIFY_FAILED"):
            stranger.publish("p", 2, [{b"d": b"", b"s": b""}], math.inf)
        assert server.client().xlen("{gntp-logging}:stream") == 1
