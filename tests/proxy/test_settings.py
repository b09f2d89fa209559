import base64
import traceback
from dataclasses import FrozenInstanceError, fields, replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from proxy import settings
from proxy.settings import DEFINITIONS, Settings, SettingsError, load
from proxy.settings_values import Rate

CANARY = "canary-7f3a91c2"
KEY = "k" * 48
WHSEC = "whsec_" + base64.b64encode(b"s" * 24).decode()
LEAST = {
    "TRYON_API_TOKEN": "tok_1",
    "TRYON_PUBLIC_URL": "https://tryon.shop.example",
    "TRYON_SECRET_KEY": KEY,
}
CHALLENGE = {
    "TRYON_CHALLENGE_URL": "https://challenge.example/siteverify",
    "TRYON_CHALLENGE_SCRIPT": "https://challenge.example/api.js?render=explicit",
    "TRYON_CHALLENGE_SITE_KEY": "0x4AAA",
    "TRYON_CHALLENGE_SECRET": "0x4BBB",
}
SECRETS = [each.name for each in DEFINITIONS if each.secret]
ROOT = Path(__file__).parents[2]


def problems(environ: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(environ)
    return caught.value.problems


def the_problem(**changed: str) -> str:
    (problem,) = problems(LEAST | changed)
    return problem


def test_it_needs_three_settings_and_has_defaults_for_the_rest() -> None:
    read = load(LEAST)
    assert read.api_token.get_secret_value() == "tok_1"
    assert read.api_url == "https://api.tryon-api.com/v1"
    assert read.allowed_origins == frozenset({"https://tryon.shop.example"})
    assert read.categories == ("footwear",)
    assert read.launch_hosts == frozenset({"launch.tryon-api.com"})
    assert read.client_rate == Rate(20, 60)
    assert read.timezone == ZoneInfo("UTC")
    assert (read.catalog, read.daily_sessions, read.dashboard_password) == (None, None, None)
    assert (read.callback_secret, read.plans) == ((), ())
    assert read.workers >= 1
    assert not read.demo


def test_it_says_all_that_is_wrong_at_once_and_how_to_mend_it() -> None:
    found = problems({"TRYON_WORKERS": "many", "TRYON_LOCALE": "en_US"})
    assert [problem.split()[0] for problem in found] == [
        "TRYON_API_TOKEN",
        "TRYON_PUBLIC_URL",
        "TRYON_SECRET_KEY",
        "TRYON_LOCALE",
        "TRYON_WORKERS",
    ]
    assert found[0] == (
        "TRYON_API_TOKEN is not set. Put the vendor's bearer token there, "
        "or its path in TRYON_API_TOKEN_FILE."
    )
    assert found[-1] == "TRYON_WORKERS must be a whole number from 1 to 256."


@pytest.mark.parametrize("name", [each.name for each in DEFINITIONS])
def test_no_message_quotes_a_value(name: str) -> None:
    # With spaces and control characters, so that (nearly) every parser refuses it.
    wrong = f"{CANARY} \x01://{CANARY}@{CANARY}?{CANARY},"
    with pytest.raises(SettingsError) as caught:
        load(LEAST | {name: wrong})
    assert name in str(caught.value)
    assert CANARY not in "".join(traceback.format_exception(caught.value))
    assert CANARY not in str(settings.table(LEAST | {name: wrong}))


def test_what_is_secret_is_told_by_its_type() -> None:
    assert [name.removeprefix("TRYON_") for name in SECRETS] == [
        "API_TOKEN",
        "SECRET_KEY",
        "CALLBACK_SECRET",
        "CLICK_SECRET",
        "DASHBOARD_PASSWORD",
        "METRICS_TOKEN",
        "CHALLENGE_SECRET",
    ]


@pytest.mark.parametrize("name", SECRETS)
def test_no_secret_is_shown(name: str) -> None:
    value = WHSEC if name == "TRYON_CALLBACK_SECRET" else CANARY * 3
    environ = LEAST | CHALLENGE | {name: value}
    assert value not in repr(load(environ))
    assert {row.name: row.shown for row in settings.table(environ)}[name] == "set"


def test_a_query_which_may_be_a_password_is_not_shown() -> None:
    environ = LEAST | {"TRYON_CATALOG": f"https://shop.example/feed?key={CANARY}"}
    assert load(environ).catalog == f"https://shop.example/feed?key={CANARY}"
    shown = {row.name: row.shown for row in settings.table(environ)}["TRYON_CATALOG"]
    assert shown == "https://shop.example/feed?…"


@pytest.mark.parametrize("name", [each.name for each in DEFINITIONS])
def test_every_setting_can_come_from_a_file(name: str, tmp_path: Path) -> None:
    samples = LEAST | {"TRYON_CALLBACK_SECRET": WHSEC, "TRYON_DAILY_SESSIONS": "5"}
    samples |= {"TRYON_MONTHLY_SESSIONS": "50", "TRYON_WORKERS": "3", "TRYON_PLANS": "[]"}
    samples |= {"TRYON_CATALOG_RULES": '{"footwear": {"product_type": "Shoes*"}}'}
    samples |= {"TRYON_DASHBOARD_PASSWORD": "open", "TRYON_METRICS_TOKEN": "scrape"}
    rates = ("TRYON_PRODUCT_RATE", "TRYON_SESSION_RATE", "TRYON_CALL_RATE")
    samples |= dict.fromkeys(rates, "9/hour") | {"TRYON_CLICK_SECRET": "k" * 32}
    samples |= {"TRYON_ALLOWED_ORIGINS": "https://a.example", "TRYON_MERCHANT_NAME": "Söhne"}
    samples |= {"TRYON_CATALOG": str(tmp_path / "value"), "TRYON_LOGO_URL": "https://a.example/l"}
    defaults = {each.name: each.default for each in DEFINITIONS}
    value = (samples | CHALLENGE).get(name) or defaults[name]
    assert value
    (tmp_path / "value").write_text(f" {value}\n\n")
    given = LEAST | CHALLENGE if name in CHALLENGE else LEAST
    rest = {key: text for key, text in given.items() if key != name}
    by_file = rest | {f"{name}_FILE": str(tmp_path / "value")}
    assert load(by_file) == load(rest | {name: value})
    row = {row.name: row for row in settings.table(by_file)}[name]
    assert row.source == "file named in environment"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file"),
        (b"", "empty"),
        (b"\xff\xfe", "UTF-8"),
        (b"x" * 1_048_577, "too large"),
    ],
)
def test_it_says_what_is_wrong_with_a_file(
    content: bytes | None, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    (problem,) = problems(LEAST | {"TRYON_API_TOKEN": "", "TRYON_API_TOKEN_FILE": str(path)})
    assert problem.startswith("TRYON_API_TOKEN ")
    assert words in problem


def test_it_reads_a_file_of_a_mebibyte(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_bytes(b"x" * 1_048_576)
    assert load(LEAST | {"TRYON_METRICS_TOKEN_FILE": str(path)}).metrics_token


def test_it_refuses_a_setting_given_twice() -> None:
    twice = LEAST | {"TRYON_API_TOKEN_FILE": "/run/token"}
    assert problems(twice) == [
        "TRYON_API_TOKEN and TRYON_API_TOKEN_FILE are both set. Keep one of them."
    ]
    assert settings.table(twice)[0][:3] == ("TRYON_API_TOKEN", "wrong", "")


def test_an_empty_variable_counts_as_not_set() -> None:
    assert load(LEAST | {"TRYON_DAILY_SESSIONS": "", "TRYON_WORKERS": " "}).daily_sessions is None


def test_dotenv_of_the_working_directory_is_read_under_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for each in DEFINITIONS:
        monkeypatch.delenv(each.name, raising=False)
    lines = [f"{name}={value}" for name, value in LEAST.items() if name != "TRYON_API_TOKEN"]
    lines += ["TRYON_API_TOKEN_FILE=/nowhere", "TRYON_DASHBOARD_PASSWORD='a${b}#c'", "TRYON_X=1"]
    lines += ["TRYON_LOCALE"]
    Path(".env").write_text("\n".join(lines))
    monkeypatch.setenv("TRYON_API_TOKEN", "from-the-environment")
    read = load()
    assert read.api_token.get_secret_value() == "from-the-environment"
    assert read.public_url == LEAST["TRYON_PUBLIC_URL"]
    assert read.dashboard_password
    assert read.dashboard_password.get_secret_value() == "a${b}#c"
    sources = {row.name: row.source for row in settings.table()}
    assert (sources["TRYON_API_TOKEN"], sources["TRYON_SECRET_KEY"]) == ("environment", ".env")
    assert settings.unknown() == ["TRYON_X is not a setting and has no effect."]
    with pytest.raises(SettingsError):  # an environment that is given is all there is
        load({})
    Path(".env").write_bytes(b"\xff")
    with pytest.raises(SettingsError, match=r"^\.env cannot be read\. Mend") as caught:
        load()
    assert "UnicodeDecodeError" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "url",
    [
        "api.example",
        "//api.example",
        "ftp://api.example",
        "https://",
        "https:///v1",
        "https://user:pw@api.example",
        "https://@api.example",
        "https://api.example/?a=1",
        "https://api.example?",
        "https://api.example/#top",
        "https://api.example:0x50",
        "https://api.example:70000",
        "https://api example",
        "https://api.example\\evil",
        "https://api.example/a//b",
        "https://api.example/../b",
        "https://bücher.example",
        "https://[::1",
        "https://[1:2]",
        "https://-api.example",
        "https://api..example",
        "https://api.example.",
        "https://" + "a" * 64 + ".example",
    ],
)
def test_it_refuses_what_is_no_plain_url(url: str) -> None:
    found = problems(LEAST | {"TRYON_API_URL": url, "TRYON_PUBLIC_URL": url})
    assert [problem.split()[0] for problem in found] == ["TRYON_API_URL", "TRYON_PUBLIC_URL"]


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("API_URL", "https://", "must be a whole URL that begins with https:// (or http://)."),
        ("API_URL", "https://a@b.example", "must not carry a user name or a password."),
        ("API_URL", "https://a..example", "has a host name that cannot be read."),
        ("LOGO_URL", "https://a.example/\\l.svg", "must be a URL of visible ASCII characters"),
        ("LOGO_URL", "https://a.example/l.svg#i", "must not carry a fragment."),
        ("ALLOWED_ORIGINS", "https://a.example#", "must be an origin, such as https://shop.exam"),
        ("LAUNCH_HOSTS", "a b", "must be a host, such as launch.example or launch.example:8443, "),
        ("CATEGORIES", "Shoes", "must be lower-case words joined by - or _, such as footwear."),
        ("CATEGORIES", "a,B", "(entry 2) must be lower-case words joined by - or _, such as foot"),
        ("PLANS", "[7]", "(entry 1) must be an object."),
    ],
)
def test_it_says_what_is_wrong_with_a_value(name: str, text: str, sentence: str) -> None:
    assert the_problem(**{f"TRYON_{name}": text}).startswith(f"TRYON_{name} {sentence}")


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("https://API.Example/", "https://api.example"),
        ("HTTPS://api.example:443/v1/", "https://api.example/v1"),
        ("https://api.example:8443/a/b-c_d~1.2", "https://api.example:8443/a/b-c_d~1.2"),
        ("http://127.0.0.1:8001/v1", "http://127.0.0.1:8001/v1"),
        ("http://[::1]:8001", "http://[::1]:8001"),
        ("http://localhost:80", "http://localhost"),
        ("https://[2001:DB8::0:1]", "https://[2001:db8::1]"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
    ],
)
def test_it_brings_urls_into_their_normal_form(url: str, normal: str) -> None:
    read = load(LEAST | {"TRYON_API_URL": url, "TRYON_PUBLIC_URL": url})
    assert (read.api_url, read.public_url) == (normal, normal)


@pytest.mark.parametrize(
    "host",
    ["10.0.0.5", "shop.example", "127.0.0.1.example", "localhost.example", "127.1", "[::2]"],
)
@pytest.mark.parametrize(
    "name", ["TRYON_API_URL", "TRYON_PUBLIC_URL", "TRYON_ALLOWED_ORIGINS", "TRYON_LOGO_URL"]
)
def test_plain_http_is_for_this_machine_unless_allowed(name: str, host: str) -> None:
    assert "https://" in the_problem(**{name: f"http://{host}"})
    assert load(LEAST | {name: f"http://{host}", "TRYON_ALLOW_HTTP": "1"}).allow_http


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "null",
        "shop.example",
        "https://*.shop.example",
        "https://shop.example/shoes",
        "https://shop.example?",
        "https://a@shop.example",
        "https://shop.example,",
        "https://shop.example https://b.example",
    ],
)
def test_it_refuses_origins_that_are_not_exact(origin: str) -> None:
    assert the_problem(TRYON_ALLOWED_ORIGINS=origin).startswith("TRYON_ALLOWED_ORIGINS")


def test_origins_are_compared_as_browsers_send_them() -> None:
    text = "https://Shop.Example:443, https://b.example:8443,http://localhost:3000/"
    read = load(LEAST | {"TRYON_ALLOWED_ORIGINS": text})
    assert read.allowed_origins == {
        "https://shop.example",
        "https://b.example:8443",
        "http://localhost:3000",
    }
    assert read.public_origin == "https://tryon.shop.example"


@pytest.mark.parametrize("token", ["a b", " tok", "tok\n", "tok\r\nX: y", "tök", "t\x00k", "\ttok"])
@pytest.mark.parametrize("name", ["TRYON_API_TOKEN", "TRYON_METRICS_TOKEN"])
def test_it_refuses_a_token_that_would_break_a_header(name: str, token: str) -> None:
    assert the_problem(**{name: token}).startswith(name)


def test_it_says_so_when_the_scheme_was_pasted_with_the_token() -> None:
    assert '"Bearer"' in the_problem(TRYON_API_TOKEN="Bearer abc")


def test_keys_rotate_in_their_order() -> None:
    read = load(LEAST | {"TRYON_SECRET_KEY": f"{'n' * 32}, {'o' * 32}"})
    assert [key.get_secret_value() for key in read.secret_key] == ["n" * 32, "o" * 32]


@pytest.mark.parametrize("key", ["short", "k" * 31, f"{KEY},short", f"{KEY},", ","])
def test_it_refuses_a_short_or_absent_key(key: str) -> None:
    assert the_problem(TRYON_SECRET_KEY=key).startswith("TRYON_SECRET_KEY")


@pytest.mark.parametrize(
    "secret",
    [
        WHSEC.removeprefix("whsec_"),
        "whsec_",
        "whsec_!!!!",
        "whsec_" + base64.b64encode(b"s" * 23).decode(),
        WHSEC + ",whsec_",
        WHSEC[:9] + "!" + WHSEC[9:],
    ],
)
def test_it_refuses_a_signing_secret_that_is_none(secret: str) -> None:
    assert the_problem(TRYON_CALLBACK_SECRET=secret).startswith("TRYON_CALLBACK_SECRET")


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("TRYON_ALLOW_HTTP", "maybe"),
        ("TRYON_CATEGORIES", "Foot Wear"),
        ("TRYON_CATEGORIES", "footwear,,bags"),
        ("TRYON_CATEGORIES", "x" * 65),
        ("TRYON_CATALOG", "/nowhere/products.csv"),
        ("TRYON_CATALOG", "http://shop.example/feed.xml"),
        ("TRYON_CATALOG", "https://me:password@shop.example/feed.xml"),
        ("TRYON_CATALOG_REFRESH", "1"),
        ("TRYON_CATALOG_REFRESH", "0h"),
        *(
            ("TRYON_CATALOG_RULES", wrong)
            for wrong in (
                "{",
                "[]",
                "{}",
                "[" * 10_000,
                '{"Foot Wear": {"tag": "x"}}',
                '{"footwear": {}}',
                '{"footwear": []}',
                '{"footwear": "shoes"}',
                '{"footwear": {"colour": "red"}}',
                '{"footwear": {"tag": ""}}',
                '{"footwear": {"tag": ["a", 1]}}',
                '{"footwear": {"tag": "a"}, "footwear": {"tag": "b"}}',
            )
        ),
        ("TRYON_LAUNCH_HOSTS", "https://launch.example"),
        ("TRYON_LAUNCH_HOSTS", "*.launch.example"),
        ("TRYON_LAUNCH_HOSTS", "launch.example:99999"),
        ("TRYON_LAUNCH_HOSTS", "launch.example?x"),
        ("TRYON_LAUNCH_HOSTS", "a@launch.example"),
        ("TRYON_DATABASE", "tryon.db"),
        ("TRYON_DATABASE", "a/sqlite:///tryon.db"),
        ("TRYON_DATABASE", "sqlite://"),
        ("TRYON_DATABASE", "sqlite:///"),
        ("TRYON_DATABASE", "sqlite:///:memory:"),
        ("TRYON_DATABASE", "sqlite:///tryon.db?mode=ro"),
        ("TRYON_DATABASE", "mysql://localhost/tryon"),
        ("TRYON_TIMEZONE", "Mars/Olympus"),
        ("TRYON_TIMEZONE", "../etc/passwd"),
        ("TRYON_TIMEZONE", "Europe"),
        ("TRYON_LOCALE", "english"),
        ("TRYON_LOCALE", "en-"),
        ("TRYON_LOCALE", "en-abcdefgh-abcdefgh-abcdefgh-abcdef"),
        ("TRYON_TRUSTED_PROXIES", "-1"),
        ("TRYON_TRUSTED_PROXIES", "11"),
        ("TRYON_CLIENT_RATE", "20"),
        ("TRYON_CLIENT_RATE", "0/minute"),
        ("TRYON_CLIENT_RATE", "20/fortnight"),
        ("TRYON_DAILY_SESSIONS", "1_000"),
        ("TRYON_MONTHLY_SESSIONS", "٣"),
        ("TRYON_UPSTREAM_DEADLINE", "nan"),
        ("TRYON_UPSTREAM_DEADLINE", "0.09"),
        ("TRYON_UPSTREAM_DEADLINE", "10.1"),
        ("TRYON_UPSTREAM_DEADLINE", "1e1"),
        ("TRYON_PLANS", "{"),
        ("TRYON_PLANS", '[{"name": "Starter"}]'),
        ("TRYON_RETENTION_DAYS", "0"),
        ("TRYON_RETENTION_DAYS", "36501"),
        ("TRYON_MERCHANT_NAME", "a\nb"),
        ("TRYON_MERCHANT_NAME", "x" * 81),
        ("TRYON_ACCENT_COLOR", "red"),
        ("TRYON_ACCENT_COLOR", "#12345"),
        ("TRYON_LOGO_URL", "javascript:alert(1)"),
        ("TRYON_LOGO_URL", "logo.svg"),
        ("TRYON_DASHBOARD_PASSWORD", "open\n"),
        ("TRYON_WORKERS", "0"),
    ],
)
def test_it_refuses_a_wrong_value(name: str, wrong: str) -> None:
    assert the_problem(**{name: wrong}).startswith(name)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("TRYON_ALLOW_HTTP", "TRUE", True),
        ("TRYON_CATEGORIES", "footwear, eye-wear,footwear", ("footwear", "eye-wear")),
        (
            "TRYON_LAUNCH_HOSTS",
            "Launch.example:443,127.0.0.1:8001",
            frozenset({"launch.example", "127.0.0.1:8001"}),
        ),
        ("TRYON_DATABASE", "sqlite:////var/lib/tryon/t.db", Path("/var/lib/tryon/t.db")),
        ("TRYON_TIMEZONE", "Europe/Berlin", ZoneInfo("Europe/Berlin")),
        ("TRYON_LOCALE", "ZH-hant-tw", "zh-Hant-TW"),
        ("TRYON_LOCALE", "de", "de"),
        ("TRYON_LOCALE", "sl-NEDIS", "sl-nedis"),
        (
            "TRYON_LOCALE",
            "en-abcdefgh-abcdefgh-abcdefgh-abcde",
            "en-abcdefgh-abcdefgh-abcdefgh-abcde",
        ),
        ("TRYON_CATEGORIES", "x" * 64, ("x" * 64,)),
        ("TRYON_MERCHANT_NAME", "x" * 80, "x" * 80),
        ("TRYON_RETENTION_DAYS", "36500", 36_500),
        ("TRYON_UPSTREAM_DEADLINE", "0.1", 0.1),
        ("TRYON_UPSTREAM_DEADLINE", "10", 10.0),
        ("TRYON_CLIENT_RATE", "5/hour", Rate(5, 3_600)),
        ("TRYON_DAILY_SESSIONS", "0", 0),
        ("TRYON_UPSTREAM_DEADLINE", "2.5", 2.5),
        ("TRYON_ACCENT_COLOR", "#0AF", "#0af"),
        ("TRYON_LOGO_URL", "https://cdn.example/l.svg?v=2", "https://cdn.example/l.svg?v=2"),
        ("TRYON_WORKERS", " 4 ", 4),
    ],
)
def test_it_reads_a_value(name: str, text: str, value: object) -> None:
    read = load(LEAST | {name: text})
    assert getattr(read, name.removeprefix("TRYON_").lower()) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("TRYON_API_TOKEN", f'"{CANARY}"'),
        ("TRYON_DASHBOARD_PASSWORD", f"'{CANARY}'"),
        ("TRYON_PLANS", "'[]'"),
        ("TRYON_WORKERS", ' "4" '),
    ],
)
def test_quotes_that_docker_has_kept_are_named(name: str, text: str) -> None:
    problem = the_problem(**{name: text})
    assert problem.startswith(f"{name} is in quotes, which Docker's --env-file keeps")
    assert CANARY not in problem


def test_quotes_around_a_path_are_named(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("'this one is meant so'")
    (problem,) = problems(LEAST | {"TRYON_DASHBOARD_PASSWORD_FILE": f'"{path}"'})
    assert problem.startswith("TRYON_DASHBOARD_PASSWORD is in quotes")
    read = load(LEAST | {"TRYON_DASHBOARD_PASSWORD_FILE": str(path)}).dashboard_password
    assert read is not None
    assert read.get_secret_value() == "'this one is meant so'"


def test_postgresql_is_recognised_and_refused_without_its_password() -> None:
    problem = the_problem(TRYON_DATABASE=f"postgresql://tryon:{CANARY}@db/tryon")
    assert "PostgreSQL" in problem
    assert CANARY not in problem


def test_plans_come_from_json() -> None:
    text = (
        '[{"name": "Starter", "price": 49, "included_sessions": 1000,'
        ' "price_per_extra_session": 0.08}]'
    )
    (plan,) = load(LEAST | {"TRYON_PLANS": text}).plans
    assert (plan.name, plan.included_sessions) == ("Starter", 1000)


def test_it_warns_of_names_that_are_no_setting() -> None:
    assert settings.unknown(LEAST | {"TRYON_API_TOKN": CANARY, "TRYON_Q": "", "PATH": ""}) == [
        "TRYON_API_TOKN is not a setting and has no effect. Did you mean TRYON_API_TOKEN?",
        "TRYON_Q is not a setting and has no effect.",
    ]
    assert settings.unknown({f"{each.name}_FILE": "" for each in DEFINITIONS}) == []


def test_settings_can_be_replaced_one_by_one() -> None:
    assert replace(load(LEAST), demo=True).demo
    with pytest.raises(FrozenInstanceError):
        load(LEAST).demo = True
    assert {each.attribute for each in DEFINITIONS} == {each.name for each in fields(Settings)}


def test_doctors_table_has_a_row_for_each_and_tells_wrong_from_absent() -> None:
    rows = {row.name: row for row in settings.table({"TRYON_WORKERS": "many"})}
    assert list(rows) == [each.name for each in DEFINITIONS]
    assert rows["TRYON_API_TOKEN"].shown == "not set"
    assert rows["TRYON_WORKERS"].shown == "wrong"
    assert rows["TRYON_LOCALE"][1:3] == ("en-US", "default")
    assert rows["TRYON_CATALOG"][1:3] == ("any product", "default")
    assert rows["TRYON_DEMO"].help == "`1` serves a demo shop at `/`. `make run` sets it."


def test_the_documentation_is_the_generated_text() -> None:
    assert (ROOT / "docs" / "settings.md").read_text() == settings.document(), (
        "run: python -m proxy.settings"
    )


def test_a_challenge_is_set_up_whole_or_not_at_all() -> None:
    read = load(LEAST | CHALLENGE)
    assert read.challenge_url == "https://challenge.example/siteverify"
    assert read.challenge_script == "https://challenge.example/api.js?render=explicit"
    assert read.challenge_site_key == "0x4AAA"
    assert read.challenge_secret
    assert read.challenge_secret.get_secret_value() == "0x4BBB"
    assert load(LEAST).challenge_url is None


@pytest.mark.parametrize("name", CHALLENGE)
def test_what_a_challenge_lacks_is_named(name: str) -> None:
    needs = "A challenge needs its URL, SCRIPT, SITE_KEY and SECRET."
    assert the_problem(**CHALLENGE | {name: ""}) == f"{name} is not set. {needs}"
    found = problems(LEAST | {name: CHALLENGE[name]})
    assert found == [f"{each} is not set. {needs}" for each in CHALLENGE if each != name]


@pytest.mark.parametrize("name", ["TRYON_CHALLENGE_URL", "TRYON_CHALLENGE_SCRIPT"])
def test_a_challenge_is_not_asked_in_the_clear(name: str) -> None:
    problem = the_problem(**CHALLENGE | {name: "http://challenge.example/x"})
    assert problem.startswith(f"{name} must begin with https://.")
    assert load(LEAST | CHALLENGE | {name: "http://127.0.0.1:8080/x"})


@pytest.mark.parametrize("wrong", ["two words", "a\u00e9", "x" * 201])
def test_a_site_key_is_copied_whole(wrong: str) -> None:
    problem = the_problem(**CHALLENGE | {"TRYON_CHALLENGE_SITE_KEY": wrong})
    assert problem.startswith("TRYON_CHALLENGE_SITE_KEY has whitespace or a character")
