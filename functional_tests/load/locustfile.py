"""Load for a deployment of your own, by Locust: ``locust -f functional_tests/load/locustfile.py``.

``--host`` is its URL; SMSP_API_KEY a key that may send. Let its providers be simulated ones
(``smsp demo``) or SMSP_MOCK_EMAIL_SERVICE, unless real mail is what you want.
"""

from __future__ import annotations

import os

from locust import FastHttpUser, constant_throughput, task

MAIL = {
    "fromaddress": "Load <load@example.com>",
    "toaddress": "nobody@example.org",
    "subject": "Load",
    "plaintextbody": "One of many.",
}
SENDS_PER_S = float(os.environ.get("SMSP_LOAD_PER_USER", "1"))


class Caller(FastHttpUser):
    """One who sends a message every second, or as SMSP_LOAD_PER_USER says."""

    wait_time = constant_throughput(SENDS_PER_S)

    @task
    def send(self) -> None:
        """Send one. Only ``sent`` is a success; other outcomes are told apart by their names."""
        headers = {"X-API-KEY": os.environ["SMSP_API_KEY"]}
        with self.client.post(
            "/email", json=MAIL, headers=headers, catch_response=True
        ) as response:
            if response.status_code != 200:
                said = response.json() if response.content else {}
                response.failure(str(said.get("outcome") or said.get("code") or "no answer"))
