"""The image, compose.yaml and the manifests for Kubernetes, as far as no engine is needed."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from proxy import settings
from tests.operations import OPERATIONS
from tests.servers import ROOT, Shop, Vendor, eventually, free_port

DEPLOY = ROOT / "deploy"
TOOLS = Path(sys.executable).parent
SITE = "tryon.shop.example"


@pytest.mark.parametrize(
    "command",
    [
        "hadolint --failure-threshold style deploy/Dockerfile",
        "check-jsonschema --builtin-schema vendor.compose-spec deploy/compose.yaml",
        "kubernetes-validate --strict --quiet -k 1.30 deploy/kubernetes/*.yaml",
        "kubernetes-validate --strict --quiet deploy/kubernetes/*.yaml",
        "zizmor --offline --quiet .github",
    ],
    ids=lambda command: command.split()[0],
)
def test_a_linter_finds_nothing(command: str) -> None:
    done = subprocess.run(  # noqa: S602
        f"{TOOLS}/{command}", shell=True, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


# --- The image ------------------------------------------------------------------------------------


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's, of both stages: a word, and the rest without line breaks."""
    lines = [
        line
        for line in (DEPLOY / "Dockerfile").read_text().splitlines()
        if not line.startswith("#")
    ]
    whole = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in whole.splitlines())]


def last(word: str) -> str:
    return [rest for each, rest in instructions() if each == word][-1]


def exec_form(text: str) -> list[str]:
    return list(json.loads(text[text.index("[") :]))


def test_the_image_holds_every_part_of_the_program_and_no_secret() -> None:
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().split("\n")
    copied = [
        rest.split()[:-1]
        for word, rest in instructions()
        if word == "COPY" and not rest.startswith("--")
    ]
    sources = {source for line in copied for source in line}
    assert ignored[1] == "*"
    assert sources == {line[1:] for line in ignored if line.startswith("!")}
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "benchmarks"}
    assert packages <= sources
    assert not {".env", "tryon.env"} & sources


def test_the_image_runs_as_a_user_who_owns_nothing_but_the_data() -> None:
    assert last("USER") == "10001:10001"
    assert "--uid 10001 " in last("RUN")
    assert last("RUN").endswith("install -d -o tryon -g tryon -m 0700 /data")
    assert last("VOLUME") == "/data"


def build(root: Path) -> None:
    """Do below `root` what the first stage does, with files that are their owner's alone."""

    def within(text: str) -> str:
        return re.sub(r"(?<![\w.])/(app|venv)\b", rf"{root}/\1", text)

    (root / "app").mkdir()
    for word, rest in instructions()[1:]:
        if word == "FROM":
            return
        if word == "COPY":
            copy_privately(rest.split()[:-1], root / "app")
        if word == "RUN":
            command = within(rest).replace(" --no-cache-dir", "")  # it has all of it already
            command = re.sub(r"^python ", f"{sys.executable} ", command)
            subprocess.run(command, shell=True, cwd=root / "app", check=True)  # noqa: S602


def copy_privately(names: list[str], folder: Path) -> None:
    for name in names:
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__")
            )
        else:
            shutil.copy(ROOT / name, folder)
    for path in folder.rglob("*"):
        path.chmod(path.stat().st_mode & 0o700)


@pytest.mark.slow
def test_what_the_image_is_made_of_serves_and_is_found_healthy(
    tmp_path: Path, vendor: Vendor
) -> None:
    build(tmp_path)
    closed = [path for path in tmp_path.glob("[av]*/**/*") if not path.lstat().st_mode & 0o004]
    assert closed == []
    assert [*(tmp_path / "app/proxy").glob("__pycache__/settings.*.pyc")]
    shop = Shop(tmp_path / "app", vendor.url, free_port())
    shop.environ |= {"PATH": f"{tmp_path}/venv/bin", "TRYON_DATABASE": f"sqlite:///{tmp_path}/db"}
    del shop.environ["PYTHONPATH"]

    def run(*command: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            command, cwd=shop.folder, env=shop.environ, capture_output=True, check=False
        )

    healthcheck = exec_form(last("HEALTHCHECK"))
    assert run(*healthcheck).returncode != 0
    shop.process = subprocess.Popen(exec_form(last("CMD")), cwd=shop.folder, env=shop.environ)
    try:
        eventually(lambda: run(*healthcheck).returncode == 0)
        assert shop.click("sku-1").status_code == 201
        assert json.loads(run("tryon", "stats", "--json").stdout)
    finally:
        shop.stop()
    assert shop.process.returncode == 0


# --- Compose and Kubernetes -----------------------------------------------------------------------

COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
MANIFESTS = {
    manifest["kind"]: manifest
    for path in (DEPLOY / "kubernetes").glob("*.yaml")
    for manifest in yaml.safe_load_all(path.read_text())
}
POD = MANIFESTS["StatefulSet"]["spec"]["template"]
(CONTAINER,) = POD["spec"]["containers"]


def of_image() -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in last("ENV").split() if pair.startswith("TRYON_"))


def usable(environ: dict[str, Any]) -> settings.Settings:
    """The settings that come of an environment, all of whose names are settings."""
    known = {each.name for each in settings.DEFINITIONS}
    assert {name.removesuffix("_FILE") for name in environ} <= known
    return settings.load(environ)


def test_compose_gives_the_app_settings_that_it_can_use() -> None:
    app = COMPOSE["services"]["app"]
    example = (DEPLOY / "tryon.env.example").read_text()
    pairs = re.findall(r"^(\w+)=(.*)$", example, re.M)
    filled = {name: value or "0123456789abcdef" * 3 for name, value in pairs}
    assert usable(filled).public_url == f"https://{SITE}"  # as docker run takes it
    given = {
        name: re.sub(r"\$\{SITE:.*?\}", SITE, text) for name, text in app["environment"].items()
    }
    found = usable(of_image() | filled | given)
    assert (found.public_url, found.trusted_proxies) == (f"https://{SITE}", 1)


def test_compose_keeps_what_the_app_stores_and_nothing_else_can_be_written() -> None:
    for service in COMPOSE["services"].values():
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert COMPOSE["services"]["app"]["volumes"] == ["data:/data"]
    assert COMPOSE["services"].keys() == {"app", "caddy"}
    assert "ports" not in COMPOSE["services"]["app"]  # Caddy alone is reached from outside


def test_caddy_takes_the_name_and_the_app_s_address_from_compose() -> None:
    environ = COMPOSE["services"]["caddy"]["environment"] | {"SITE": SITE}
    command = [TOOLS / "caddy", "adapt", "--config", DEPLOY / "Caddyfile"]
    adapted = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    assert set(re.findall(r'"dial":"(.*?)"', adapted.stdout)) == {"app:8000"}
    assert f'"host":["{SITE}"]' in adapted.stdout


def test_kubernetes_gives_the_app_settings_that_it_can_use(tmp_path: Path) -> None:
    files = {each["name"]: Path(each["value"]) for each in CONTAINER["env"]}
    (mount,) = [each for each in CONTAINER["volumeMounts"] if each["name"] == "secrets"]
    assert {str(path.parent) for path in files.values()} == {mount["mountPath"]}
    told = (DEPLOY / "README.md").read_text()
    assert {path.name for path in files.values()} == {*re.findall(r"--from-file=(\w+)", told)}
    for name, path in files.items():
        (tmp_path / path.name).write_text("0123456789abcdef" * 3)
        files[name] = tmp_path / path.name
    given = {name: str(path) for name, path in files.items()}
    found = usable(of_image() | given | MANIFESTS["ConfigMap"]["data"])
    assert found.public_url == f"https://{SITE}"
    assert POD["spec"]["enableServiceLinks"] is False  # or the Service's name would make TRYON_PORT


def test_the_manifests_fit_together() -> None:
    labels = POD["metadata"]["labels"]
    assert MANIFESTS["StatefulSet"]["spec"]["selector"]["matchLabels"] == labels
    assert MANIFESTS["Service"]["spec"]["selector"] == labels
    (port,) = CONTAINER["ports"]
    assert str(port["containerPort"]) == last("EXPOSE")
    assert MANIFESTS["Service"]["spec"]["ports"][0]["targetPort"] == port["name"]
    (rule,) = MANIFESTS["Ingress"]["spec"]["rules"]
    assert MANIFESTS["ConfigMap"]["data"]["TRYON_PUBLIC_URL"] == f"https://{rule['host']}"
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert f"GET {CONTAINER[probe]['httpGet']['path']}" in OPERATIONS
        assert CONTAINER[probe]["httpGet"]["port"] == port["name"]


def test_a_pod_is_one_runs_as_the_image_s_user_and_writes_its_volume_alone() -> None:
    stateful, pod, container = MANIFESTS["StatefulSet"]["spec"], POD["spec"], CONTAINER
    assert stateful["replicas"] == 1
    (claim,) = stateful["volumeClaimTemplates"]
    writable = [each for each in container["volumeMounts"] if not each.get("readOnly")]
    assert writable == [{"name": claim["metadata"]["name"], "mountPath": last("VOLUME")}]
    user, group = map(int, last("USER").split(":"))
    assert (pod["securityContext"]["runAsUser"], pod["securityContext"]["fsGroup"]) == (user, group)
    assert container["securityContext"]["readOnlyRootFilesystem"] is True


# --- Platforms ------------------------------------------------------------------------------------

HOSTING = (ROOT / "docs/hosting.md").read_text()


def sample(kind: str) -> str:
    (found,) = re.findall(rf"^```{kind}\n(.*?)^```", HOSTING, re.M | re.S)
    return str(found)


def test_fly_runs_the_image_as_it_is() -> None:
    fly = tomllib.loads(sample("toml"))
    assert (ROOT / fly["build"]["dockerfile"]).exists()
    assert str(fly["http_service"]["internal_port"]) == last("EXPOSE")
    assert fly["mounts"]["destination"] == last("VOLUME")
    assert (fly["kill_signal"], fly["kill_timeout"]) == (last("STOPSIGNAL"), 30)
    assert f"GET {fly['http_service']['checks'][0]['path']}" in OPERATIONS
    told = dict.fromkeys(re.findall(r"(TRYON_\w+)=…", HOSTING), "0123456789abcdef" * 3)
    assert usable(of_image() | told | fly["env"]).trusted_proxies == 2


def test_render_runs_the_image_as_it_is() -> None:
    (service,) = yaml.safe_load(sample("yaml"))["services"]
    assert (ROOT / service["dockerfilePath"]).exists()
    assert service["disk"]["mountPath"] == last("VOLUME")
    assert service["maxShutdownDelaySeconds"] >= 30
    assert f"GET {service['healthCheckPath']}" in OPERATIONS
    given = {each["key"]: each.get("value", "0123456789abcdef" * 3) for each in service["envVars"]}
    assert usable(of_image() | given).trusted_proxies == 2


@pytest.mark.slow
def test_the_procfile_serves_on_the_port_that_it_is_given(tmp_path: Path, vendor: Vendor) -> None:
    shop = Shop(tmp_path, vendor.url, free_port(), HOST="127.0.0.1")
    shop.environ["PATH"] = f"{TOOLS}:{shop.environ['PATH']}"
    command = (ROOT / "Procfile").read_text().removeprefix("web: ")
    assert command.startswith("HOST=0.0.0.0 ")
    command = command.replace("HOST=0.0.0.0 ", "exec ")  # tests listen on this machine alone
    (tmp_path / "gunicorn.conf.py").symlink_to(ROOT / "gunicorn.conf.py")
    shop.process = subprocess.Popen(["bash", "-c", command], cwd=tmp_path, env=shop.environ)
    try:
        eventually(shop.is_up)
        assert shop.click("sku-1").status_code == 201
    finally:
        shop.stop()
