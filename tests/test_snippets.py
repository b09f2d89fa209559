"""Every block of code in the documents is tried by a test, or is listed here with why it is not."""

import hmac
import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import click
import pytest

from proxy import catalog_rules, settings
from proxy.cli import cli
from tests.cli.terminal import store_of, told
from tests.servers import ROOT, Shop, Vendor, free_port
from tests.storage.histories import ZONE, small_history
from tests.test_documentation import DOCUMENTS
from tests.test_http_documentation import send

# By document and beginning: the test that tries the block.
TRIED = {
    ("README.md", "make run"): "tests/cli/test_demo.py",
    ("README.md", "make test"): ".ci/run",
    ("README.md", "TRYON_API_TOKEN="): "test_a_block_of_settings_can_be_used",
    ("README.md", "<script "): "tests/browser/test_pages.py",
    ("README.md", "curl "): "test_the_readme_s_click_buys_a_session",
    ("deploy/README.md", "install -d"): "test_the_commands_of_a_block_work_one_after_another",
    ("docs/README.md", "TRYON_API_TOKEN="): "test_a_block_of_settings_can_be_used",
    ("docs/analytics.md", ""): "tests/integrations/test_analytics.py",
    ("docs/catalog.md", "$ tryon catalog check"): "test_a_catalogue_is_checked_as_shown",
    ("docs/catalog.md", "{"): "test_the_rules_for_a_catalogue_can_be_read",
    ("docs/embedding.md", "TRYON_CHALLENGE_URL="): "test_a_block_of_settings_can_be_used",
    ("docs/embedding.md", "$signature = "): "test_php_signs_as_the_app_reads",
    ("docs/embedding.md", "document.addEventListener"): "test_a_script_can_be_read",
    ("docs/embedding.md", '<script type="module"'): "tests/browser/test_pages.py",
    ("docs/embedding.md", "add_action("): "tests/browser/test_pages.py",
    ("docs/embedding.md", "import {"): "tests/browser/test_pages.py",
    ("docs/embedding.md", "<script setup>"): "tests/browser/test_pages.py",
    ("docs/embedding.md", "<script>\n  (function"): "tests/browser/test_pages.py",
    ("docs/embedding.md", "script-src "): "tests/browser/test_pages.py",
    ("docs/embedding.md", "<style>"): "tests/browser/test_pages.py",
    ("docs/hosting.md", 'app = "'): "tests/test_containers.py",
    ("docs/hosting.md", "services:"): "tests/test_containers.py",
    ("docs/http.md", "curl "): "tests/test_http_documentation.py",
    ("docs/installing.md", ""): "tests/integrations/test_wheel.py",
    ("docs/service-levels.md", "# clicks"): "tests/test_monitoring.py",
    ("integrations/gtm/README.md", ""): "tests/integrations/test_gtm.py",
    ("docs/upgrading.md", "install -d"): "test_the_commands_of_a_block_work_one_after_another",
    ("docs/upgrading.md", "systemctl stop"): "test_the_commands_of_a_block_work_one_after_another",
    ("docs/upgrading.md", "TRYON_DATABASE="): "test_the_commands_of_a_block_work_one_after_another",
    ("integrations/react/README.md", "import "): "tests/integrations/test_react.py",
    ("integrations/shopify/README.md", "TRYON_"): "test_a_block_of_settings_can_be_used",
    ("integrations/woocommerce/README.md", "TRYON_"): "test_a_block_of_settings_can_be_used",
    ("integrations/woocommerce/README.md", ""): "test_php_can_be_read",
}
NOT_TRIED = {
    ("README.md", "product page "): "a drawing",
    ("docs/architecture.md", "app.py"): "a drawing",
    ("deploy/README.md", "useradd "): "needs root, systemd and a place of its own",
    ("deploy/README.md", "tryon() {"): "needs root, systemd and a place of its own",
    ("deploy/README.md", "systemctl "): "needs root, systemd and a place of its own",
    ("deploy/README.md", "docker build "): "needs a container engine",
    ("deploy/README.md", "export SITE"): "needs a container engine",
    ("deploy/README.md", "umask "): "asks for the vendor's token",
    ("deploy/README.md", "kubectl "): "needs a cluster",
    ("docs/embedding.md", "{%- assign secret"): "needs Shopify",
    ("docs/hosting.md", "fly "): "needs an account",
    ("docs/hosting.md", "echo '-r"): "needs an account",
    ("docs/numbers.md", "mkdir "): "opens programs for a person",
    ("docs/other-shops.md", ""): "needs a shop of each system",
    ("docs/terminal.md", "$ tryon "): "shows one shop on one day",
    ("integrations/react/README.md", "cp "): "goes into another repository",
}
# Not `tryon`, and no business of a test's: these lines of a block are left out.
OTHERS = ("cd ", ".venv/", "systemctl ", "git ", "install ")


class Block(NamedTuple):
    document: str
    language: str
    text: str


def blocks() -> Iterator[Block]:
    for document in DOCUMENTS:
        name = document.relative_to(ROOT).as_posix()
        found = re.finditer(r"^( *)```(\w*)\n(.*?)^ *```", document.read_text(), re.M | re.S)
        for indent, language, text in (match.groups() for match in found):
            yield Block(name, language, re.sub(f"^{indent}", "", text, flags=re.M))


BLOCKS = [*blocks()]
LISTED = TRIED | NOT_TRIED


def entry(block: Block) -> tuple[str, str] | None:
    """Where the block is listed: by its longest beginning."""
    keys = [key for key in LISTED if key[0] == block.document and block.text.startswith(key[1])]
    return max(keys, key=lambda key: len(key[1]), default=None)


def of(test: str) -> list[Block]:
    return [block for block in BLOCKS if LISTED.get(entry(block)) == test]  # type: ignore[arg-type]


def test_every_block_is_tried_or_says_why_not() -> None:
    assert [block for block in BLOCKS if not entry(block)] == []
    assert LISTED.keys() == {entry(block) for block in BLOCKS}  # and none that has gone is listed
    for test in TRIED.values():
        assert test in globals() or (ROOT / test).exists(), test


# --- Words ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_and_option_that_is_named_exists(document: Path) -> None:
    text = document.read_text()
    named = re.findall(r"`(tryon (?!…)[^`]*)`", text.replace("\n", " "))
    named += re.findall(r"^ *(?:\$ |\S+=\S+ )?(tryon .*)", text, re.M)
    for each in named:
        for name in re.split(r" ?\| ?|, ", each.removeprefix("tryon ").partition("  #")[0]):
            assert not (wrong := unknown(shlex.split(name, comments=True))), f"{each}: {wrong}"


def unknown(words: list[str]) -> str:
    """The first word of a command line that is no command or option of ours."""
    command: click.Command = cli
    while words and isinstance(command, click.Group):
        found = command.get_command(click.Context(command), words[0])
        if found is None:
            return "" if words[0].startswith(("-", "…")) else words[0]
        command, words = found, words[1:]
    options = {option for each in command.params for option in each.opts} | {"--help"}
    return next(
        (word for word in words if word.startswith("--") and word.partition("=")[0] not in options),
        "",
    )


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_setting_that_is_named_exists(document: Path) -> None:
    known = {each.name for each in settings.DEFINITIONS}
    for name in re.findall(r"(?<![\w$])TRYON_[A-Z_]*[A-Z]\b(?!…|\*)", document.read_text()):
        assert name.removesuffix("_FILE") in known, name


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_target_of_make_that_is_named_exists(document: Path) -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.M))
    text = document.read_text()
    named = re.findall(r"`(?:\w+=\S+ )*make ([\w-]+)", text) + re.findall(
        r"^make ([\w-]+)", text, re.M
    )
    assert {*named} <= targets


# --- Deeds ----------------------------------------------------------------------------------------


@pytest.fixture
def stopped(tmp_path: Path, vendor: Vendor) -> Shop:
    """A shop with some history, which does not run."""
    shop = Shop(tmp_path, vendor.url, free_port(), TRYON_TIMEZONE=ZONE)
    with closing(store_of(shop)) as store:
        store.commit(small_history())
    return shop


@pytest.mark.parametrize(
    "block",
    of("test_the_commands_of_a_block_work_one_after_another"),
    ids=lambda block: f"{block.document} {block.text[:20]}",
)
def test_the_commands_of_a_block_work_one_after_another(stopped: Shop, block: Block) -> None:
    told(stopped, "backup", str(stopped.folder / "before-upgrade.db"))
    here = re.sub(r"/var/backups/tryon|/tmp(?=/trial)", str(stopped.folder), block.text)
    lines = [line for line in here.splitlines() if not line.startswith(OTHERS)]
    for line in re.split(r" && |\n", "\n".join(lines)):
        words = shlex.split(line, comments=True)
        while "=" in words[0]:
            name, _, stopped.environ[name] = words.pop(0).partition("=")
        assert words.pop(0) == "tryon"
        if words[0] == "backup":
            (stopped.folder / Path(words[1]).name).unlink(missing_ok=True)
        if words[0] != "doctor":  # which looks at the public URL and the vendor too
            told(stopped, *words)


@pytest.mark.parametrize(
    "block", of("test_a_block_of_settings_can_be_used"), ids=lambda block: block.document
)
def test_a_block_of_settings_can_be_used(stopped: Shop, block: Block) -> None:
    here = block.text.replace("/var/lib/tryon", str(stopped.folder))
    for line in here.splitlines():
        name, _, value = line.partition(" #")[0].strip().partition("=")
        if name == "TRYON_CATALOG":
            Path(value).write_text(FEED)
        stopped.environ[name] = "0123456789abcdef" * 3 if value == "…" else value
    assert settings.load(stopped.environ)


def test_the_readme_s_click_buys_a_session(shop: Shop) -> None:
    (block,) = of("test_the_readme_s_click_buys_a_session")
    with send(shop, block.text, {}) as answer:
        assert (answer.status_code, answer.json()["product_id"]) == (201, "sku-12345")


FEED = """id\ttitle\tproduct_type\timage_link\tlink
1\tTrail Runner\tShoes > Trail\t\t
2\tAviator\tEyewear\t\t
3\tMug\tKitchen\t\t
"""


def test_a_catalogue_is_checked_as_shown(stopped: Shop) -> None:
    (block,) = of("test_a_catalogue_is_checked_as_shown")
    command, _, shown = block.text.partition("\n")
    stopped.environ["TRYON_CATALOG_RULES"] = json.dumps(
        {"footwear": {"product_type": "Shoes*"}, "eyewear": {"product_type": "Eyewear"}}
    )
    (stopped.folder / "feed.tsv").write_text(FEED)
    assert told(stopped, *shlex.split(command)[2:]).rstrip() == shown.rstrip()


def test_the_rules_for_a_catalogue_can_be_read() -> None:
    (block,) = of("test_the_rules_for_a_catalogue_can_be_read")
    rules = catalog_rules.parse(block.text)
    shoes = {"product_type": catalog_rules.tails("Home > Women > Shoes > Trail")}
    assert catalog_rules.category_of(rules, shoes) == "footwear"
    assert catalog_rules.category_of(rules, {"title": ["Blue Sunglasses"]}) is None


@pytest.mark.parametrize("block", of("test_php_can_be_read"), ids=lambda block: block.text[:30])
def test_php_can_be_read(block: Block) -> None:
    if not shutil.which("php"):
        pytest.skip("php is not installed")
    subprocess.run(["php", "-l"], input=f"<?php {block.text}", text=True, check=True)


def test_php_signs_as_the_app_reads() -> None:
    if not shutil.which("php"):
        pytest.skip("php is not installed")
    (block,) = of("test_php_signs_as_the_app_reads")
    around = "const TRYON_CLICK_SECRET = 'a secret'; $id = 'sku 1';"
    around += "function esc_attr($text) { return htmlspecialchars($text); }"
    said = subprocess.check_output(["php", "-r", around + block.text], text=True)
    day = datetime.now(UTC).date().isoformat()
    signature = hmac.new(b"a secret", f"sku 1\n{day}".encode(), "sha256").hexdigest()
    assert f'signature="{signature}"' in said
    assert f"product_id=sku%201&amp;signature={signature}" in said


def test_a_script_can_be_read() -> None:
    if not shutil.which("node"):
        pytest.skip("node is not installed")
    (block,) = of("test_a_script_can_be_read")
    subprocess.run(["node", "--check", "-"], input=block.text, text=True, check=True)
