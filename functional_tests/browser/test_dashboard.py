"""The dashboard in a real browser: what it shows of circuits that open and close, and when."""

from __future__ import annotations

import socket

from functional_tests.kit.polling import eventually
from functional_tests.kit.smsp import KEY

SETTINGS = {"POLL_INTERVAL": "1.5", "POLL_INTERVAL_MAX": "3", "SETTLE_TIMEOUT": "0.2"}
AT_ONCE_S = 1.0
A_MINUTE = """
const [snapshot, done] = arguments;
const page = document.querySelector("script[type=module]").src;
import(page.replace("dashboard.js", "card.js")).then(({ Card }) => {
  const card = new Card("minute", () => {});
  const shown = [];
  const began = 1_700_000_002_000;
  let sent = 0;
  for (let ms = 0; ms <= 60_000; ms += 500) {
    if (ms % 7_000 < 2_500) sent += 1;
    card.saw({ ...snapshot, counts: { ...snapshot.counts, sent } }, began + ms);
    card.tick(began + ms, began + ms, true);
    shown.push([card.parts.throughput.textContent, card.parts.peak.textContent]);
  }
  done(shown);
});
"""
"""What a card says in a minute of mail that comes in bursts; nobody has to wait for it."""


def test_a_wrong_key_says_so(page):
    """An unknown key is named as that, and another one can be typed at once."""
    page.sign_in("no-such-key-anywhere")
    eventually(lambda: page.text("#key-fault"), "the page says what is wrong")
    assert page.text("#key-fault") == "This key is not known."
    assert page.focused == "key"
    assert not page.shows("#board")
    page.sign_in(KEY)
    page.wait_until_live()
    assert not page.shows("#sign-in")


def test_the_key_is_asked_for_once(board):
    """It stays in the tab over a reload, is nowhere in the address, and can be forgotten."""
    board.driver.refresh()
    board.wait_until_live()
    assert KEY not in board.driver.current_url
    board.one("#forget").click()
    assert board.shows("#sign-in")
    board.driver.refresh()
    assert board.shows("#sign-in")


def test_a_card_for_each_circuit(board, smsp):
    """In routing order, with what the circuit has done."""
    assert smsp.send().outcome == "sent"
    names = board.run("return [...document.querySelectorAll('.card')].map(c => c.dataset.name)")
    assert names == ["mailgun", "sendgrid"]
    sent = f"{smsp.provider('mailgun')['counts']['sent']:,}"
    eventually(lambda: board.part("mailgun", "sent") == sent, "the mail is counted")
    eventually(lambda: board.part("mailgun", "p50") != "\u2013", "its latency is known")
    assert board.text("#banner") == "All circuits take mail."


def test_the_peak_is_the_highest_of_what_was_now(board, smsp):
    """What is told as now and what as peak are of one kind, or 24/min stands beside 56/min."""
    board.driver.set_script_timeout(30)
    shown = board.driver.execute_async_script(A_MINUTE, smsp.provider("mailgun"))
    nows = [_per_minute(now) for now, _ in shown]
    peaks = [_per_minute(peak) for _, peak in shown]
    assert max(nows) > 0
    assert peaks == [max(nows[: at + 1]) for at in range(len(nows))]


def test_a_provider_goes_down_and_comes_back(board, smsp, simulators):
    """The card turns open with a countdown within a second, and closed again by itself."""
    simulators.turn("mailgun", "down")
    smsp.send()
    board.wait_for_state("mailgun", "open", within_s=AT_ONCE_S)
    eventually(
        lambda: board.part("mailgun", "countdown").endswith(" s"), "a countdown", within_s=AT_ONCE_S
    )
    assert board.announced.startswith("mailgun is open: ")
    assert board.text("#banner") == "Degraded: mailgun takes no mail. 1 other does."
    assert board.driver.title.startswith("Degraded")
    assert board.state("sendgrid") == "closed"
    simulators.turn("mailgun", "up")
    board.wait_for_state("mailgun", "closed")
    assert board.announced == "mailgun is closed: probe passed."
    assert not board.shows(".card[data-name=mailgun] .next")
    assert board.driver.title == "SMSP"


def test_down_is_not_degraded(board, smsp, simulators):
    """When no circuit takes mail the page says what callers are told."""
    for name in ("mailgun", "sendgrid"):
        simulators.turn(name, "down")
    smsp.send()
    smsp.send()
    eventually(lambda: board.text("#banner").startswith("Down: "), "the page says down")
    assert board.driver.title.startswith("Down")


def test_it_survives_a_restart(start_smsp, visit):
    """While SMSP is gone the page says how stale it is, and finds it again by itself."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
    smsp = start_smsp(PORT=port)
    page = visit(smsp)
    page.sign_in(KEY)
    page.wait_until_live()
    smsp.process.terminate()
    assert smsp.process.exit_status() == 0
    eventually(lambda: page.connection.startswith("Stale: "), "the page is stale")
    assert page.shows(".card")
    assert page.text("#banner") == "All circuits take mail."
    assert page.announced.startswith("The connection is lost.")
    start_smsp(PORT=port)
    page.wait_until_live()
    assert page.state("mailgun") == "closed"


def test_an_operator_holds_and_releases(board, smsp):
    """Nothing happens without a confirmation; then the card shows what the circuit has become."""
    board.press("sendgrid", "hold-open")
    assert board.text("#order-title") == "Hold sendgrid open?"
    board.one("#order-cancel").click()
    assert smsp.provider("sendgrid")["state"] == "closed"
    board.press("sendgrid", "hold-open")
    board.one("#order-confirm").click()
    board.wait_for_state("sendgrid", "held open")
    assert smsp.provider("sendgrid")["state"] == "held_open"
    board.press("sendgrid", "release")
    board.one("#order-confirm").click()
    board.wait_for_state("sendgrid", "closed")


def test_it_keeps_the_past(board, smsp, simulators):
    """Unfolded, a card tells its last transitions, newest first."""
    simulators.turn("mailgun", "down")
    smsp.send()
    board.wait_for_state("mailgun", "open")
    board.unfold("mailgun")
    newest = board.text(".card[data-name=mailgun] .moves li:first-child strong")
    assert newest == "Open"


def _per_minute(told):
    """A rate as the page puts it; nothing where it is not known."""
    if not told[0].isdigit():
        return 0.0
    number, _, unit = told.replace(",", "").partition("/")
    return float(number) * {"s": 60, "min": 1}[unit]
