"""Builds the images and runs them as Kubernetes would: read-only, without capabilities, as their user.

    python deploy/try_images.py                             # the image that serves
    python deploy/try_images.py --extras cluster,kuberay    # ... with Ray, which then reads pictures as a job

It needs Linux, root, and buildah, runc and mmdebstrap (apt-get install). The base image is a Debian with Python that
mmdebstrap makes, so no image registry is needed; --base takes another one. Packages come from the package index.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DEBIAN = "localhost/mnist-python-base"
TOKEN = "try-images-" + "0" * 16
# terminationGracePeriodSeconds of deploy/kubernetes less preStop; the server gives requests 10 s.
GRACE_S = 25
START_S = 120
JOB_S = 300
# Ray's dashboard, through which KubeRay submits jobs.
JOBS = "http://127.0.0.1:8265/api/jobs"


def main() -> None:
    """Build and try one image."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", help="base image with Python; by default a Debian that mmdebstrap makes")
    parser.add_argument("--extras", default="", help="extras of pyproject.toml to install")
    options = parser.parse_args()
    missing = [program for program in ("buildah", "runc", "mmdebstrap") if shutil.which(program) is None]
    if missing or os.geteuid() != 0:
        sys.exit(f"This needs root and {', '.join(missing) or 'nothing else'}: apt-get install buildah runc mmdebstrap")
    with tempfile.TemporaryDirectory(prefix="mnist-images-") as folder:
        images = Images(Path(folder))
        try:
            base = options.base or timed("base image", lambda: images.make_base())
            image = timed("image", lambda: images.build(base, options.extras))
            timed("run", lambda: images.try_out(image, options.extras))
        finally:
            images.remove()
    print("the image does what it should")


def timed(name: str, step: Any) -> Any:
    """Run a step, and print how long it took."""
    started = time.monotonic()
    result = step()
    print(f"{name}: {time.monotonic() - started:.0f} s", flush=True)
    return result


class Images:
    """Images in a store of their own in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._buildah = ["buildah", "--root", str(folder / "store"), "--runroot", str(folder / "run")]

    def make_base(self) -> str:
        """Make a Debian with Python; returns the name of the image."""
        archive = self._folder / "debian.tar"
        packages = "python3,python3-venv,ca-certificates"
        unsafe = ["--dpkgopt=force-unsafe-io", '--aptopt=Acquire::Languages "none"']
        _run(["mmdebstrap", "--quiet", "--variant=minbase", f"--include={packages}", *unsafe, "bookworm", str(archive)])
        container = self._do("from", "scratch")
        self._do("add", "--quiet", container, str(archive), "/")
        archive.unlink()
        self._do("run", "--isolation", "chroot", container, "--", "ln", "-s", "python3", "/usr/bin/python")
        self._do("commit", "--quiet", "--rm", container, DEBIAN)
        return DEBIAN

    def build(self, base: str, extras: str) -> str:
        """Build deploy/Containerfile; returns the name of the image."""
        name = "localhost/mnist-classifier"
        arguments = ["--build-arg", f"BASE={base}", "--build-arg", f"EXTRAS={extras}", "--network", "host"]
        for path in ("/etc/pip.conf", "/etc/ssl/certs"):  # the way to this machine's package index
            if Path(path).exists():
                arguments += ["--volume", f"{path}:{path}:ro"]
        containerfile = str(ROOT / "deploy" / "Containerfile")
        options = ["--isolation", "chroot", "--format", "docker", "--tag", name, "--file", containerfile]
        self._do("build", *options, *arguments, str(ROOT))
        print("size:", json.loads(self._do("images", "--json", name))[0]["size"])
        return name

    def try_out(self, image: str, extras: str) -> None:
        """Read a digit with a container of this image, and stop it."""
        container = self._do("from", image)
        root = Path(self._do("mount", container))
        settings = json.loads(self._do("inspect", "--type", "image", image))["Docker"]["config"]
        home = self._folder / "home"
        home.mkdir()
        user, group = (int(number) for number in settings["User"].split(":"))
        os.chown(home, user, group)
        bundle = Bundle(self._folder, root, home, settings)
        check_version(bundle)
        check_confinement(bundle)
        if extras:
            check_extras(bundle)
        check_server(bundle)
        kept = {path.name for path in home.iterdir()}
        assert "mnist.db" in kept, kept
        self._do("rm", container)

    def remove(self) -> None:
        """Remove all containers and images."""
        for command in (["rm", "--all"], ["rmi", "--all", "--force"]):
            subprocess.run([*self._buildah, *command], capture_output=True, check=False)

    def _do(self, *words: str) -> str:
        return _run([*self._buildah, *words])


class Bundle:
    """A container for runc: the image's file system, read-only, with a volume at /data."""

    def __init__(self, folder: Path, root: Path, home: Path, settings: dict[str, Any]) -> None:
        self._folder, self._root, self.home, self._settings = folder / "bundle", root, home, settings
        self._folder.mkdir()

    @contextlib.contextmanager
    def running(self, *command: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
        """A container; by default it runs the command of the image.  Killed at the end."""
        name = f"mnist-try-{os.getpid()}"
        (self._folder / "config.json").write_text(json.dumps(self._config(list(command), environment)), "utf-8")
        words = ["runc", "run", "--bundle", str(self._folder), name]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8") as process:
            try:
                yield process
            finally:
                subprocess.run(["runc", "delete", "--force", name], capture_output=True, check=False)

    def output(self, *command: str) -> str:
        """What a command in the container prints."""
        with self.running(*command) as process:
            printed = process.communicate(timeout=START_S)[0]
        assert process.returncode == 0, printed
        return printed

    def stop_signal(self) -> signal.Signals:
        """The signal that stops the container."""
        return signal.Signals[self._settings["StopSignal"]]

    def _config(self, command: list[str], environment: dict[str, str]) -> dict[str, Any]:
        user, group = (int(number) for number in self._settings["User"].split(":"))
        variables = [*self._settings["Env"], *(f"{name}={value}" for name, value in environment.items())]
        none: list[str] = []
        kinds = ("bounding", "effective", "permitted", "inheritable", "ambient")
        return {
            "ociVersion": "1.0.2",
            "process": {
                "user": {"uid": user, "gid": group},
                "args": command or [*self._settings["Entrypoint"], *self._settings["Cmd"]],
                "env": variables,
                "cwd": "/",
                "noNewPrivileges": True,
                "capabilities": dict.fromkeys(kinds, none),
            },
            "root": {"path": str(self._root), "readonly": True},
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc"},
                {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["mode=755"]},
                {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["mode=1777"]},
                {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["mode=1777"]},
                {"destination": "/data", "type": "bind", "source": str(self.home), "options": ["bind", "rw"]},
            ],
            # The network is this computer's, so the server listens on its loopback address.
            "linux": {"namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount")]},
        }


def check_version(bundle: Bundle) -> None:
    """The image has the version of this checkout."""
    (wanted,) = re.findall(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    printed = bundle.output("mnist", "--version")
    assert wanted in printed, printed


def check_confinement(bundle: Bundle) -> None:
    """Programs in the container have no capability, and cannot write to its file system."""
    facts = "import os; print(os.getuid(), os.statvfs('/').f_flag & os.ST_RDONLY, open('/proc/self/status').read())"
    printed = bundle.output("python", "-c", facts)
    assert printed.startswith("10001 1 "), printed
    assert re.search(r"^CapBnd:\s+0+$", printed, re.MULTILINE), printed


def check_extras(bundle: Bundle) -> None:
    """The drivers can be imported; Ray starts from a login shell, as KubeRay starts it, and runs a job."""
    bundle.output("python", "-c", "import psycopg, s3fs, pyarrow, ray.data")
    pictures = bundle.home / "pictures"
    pictures.mkdir()
    shutil.copy(ROOT / "docs" / "examples" / "seven.png", pictures)
    start = f"ray start --head --num-cpus=1 --port={_free_port()} --dashboard-host=127.0.0.1 --block"
    with bundle.running("/bin/bash", "-lc", start, RAY_USAGE_STATS_ENABLED="0") as process:
        _wait_for("http://127.0.0.1:52365/api/local_raylet_healthz", process)
        job = {"entrypoint": "mnist predict --engine ray --ray-address auto /data/pictures --output /data/readings"}
        submission = json.loads(_ask(f"{JOBS}/", json.dumps(job).encode()))["submission_id"]
        deadline = time.monotonic() + JOB_S
        while (state := json.loads(_ask(f"{JOBS}/{submission}")))["status"] in ("PENDING", "RUNNING"):
            assert time.monotonic() < deadline, state
            time.sleep(1)
        assert state["status"] == "SUCCEEDED", json.loads(_ask(f"{JOBS}/{submission}/logs"))["logs"]
    assert list((bundle.home / "readings").rglob("*.parquet"))


def check_server(bundle: Bundle) -> None:
    """The server reads a digit, writes to its volume alone, and stops when told to."""
    port = _free_port()
    started = time.monotonic()
    with bundle.running(MNIST_HOST="127.0.0.1", MNIST_PORT=str(port), MNIST_TOKEN=TOKEN) as process:
        address = f"http://127.0.0.1:{port}"
        _wait_for(f"{address}/readyz", process)
        print(f"start: {time.monotonic() - started:.1f} s")
        picture = (ROOT / "docs" / "examples" / "seven.png").read_bytes()
        reading = json.loads(_ask(f"{address}/predict", picture, "image/png"))
        assert reading["prediction"] == 7, reading
        stopped = time.monotonic()
        process.send_signal(bundle.stop_signal())
        printed = process.communicate(timeout=GRACE_S)[0]
        print(f"stop: {time.monotonic() - stopped:.1f} s")
        assert process.returncode == 0, printed
        assert "Traceback" not in printed, printed


def _wait_for(url: str, process: subprocess.Popen[str]) -> None:
    """Wait until a program in a container answers."""
    deadline = time.monotonic() + START_S
    while True:
        try:
            _ask(url)
            return
        except OSError:  # not there yet, or a busy machine
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline, f"{url} does not answer"
            time.sleep(0.1)


def _ask(url: str, body: bytes | None = None, kind: str = "application/json") -> bytes:
    """The reply to a GET, or to a POST with this body."""
    with urllib.request.urlopen(urllib.request.Request(url, body, {"Content-Type": kind}), timeout=20) as reply:
        answer: bytes = reply.read()
        return answer


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command[:6])} ... failed:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return done.stdout.strip()


if __name__ == "__main__":
    main()
