"""The files of deploy/kubernetes: what Kubernetes would take, and what the application can do with it."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import click
import pytest

from mnist_classifier import __version__
from mnist_classifier.cli import main as cli
from mnist_classifier.core.settings import Settings
from mnist_classifier.web.app import create_app
from mnist_classifier.web.server.watcher import GRACE_S, KILL_AFTER_S
from mnist_classifier.web.services.services import EXTENSION
from tests.checkout import ROOT
from tests.cluster import tools
from tests.processes import free_port
from tests.project.test_deploy import instructions

pytestmark = pytest.mark.cluster

Document = dict[str, Any]

KUBERNETES = ROOT / "deploy" / "kubernetes"
OVERLAYS = ["single", "several", "kserve", "ray", "training"]
# The oldest release with every field that we use, and the newest whose schemas the validator brings.
RELEASES = ["1.29", "1.37"]
# Fields of KServe's ComponentExtensionSpec; the rest of a predictor is a PodSpec.
PREDICTOR_FIELDS = {"minReplicas", "maxReplicas", "scaleMetric", "scaleTarget"}
# The label that KServe gives the pods of an InferenceService: its name.
KSERVE_LABEL = "serving.kserve.io/inferenceservice"
# Variables of other programs: KServe reads PROTOCOL, boto3 AWS_..., torchrun's --rdzv-id JOB_ID.
OTHERS_VARIABLES = {
    "PROTOCOL",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "JOB_ID",
    "POD_IP",
    "RAY_USAGE_STATS_ENABLED",
}
IMAGES = {
    "registry.example.org/mnist-classifier": "Containerfile",
    "registry.example.org/mnist-classifier-servers": "Containerfile",
    "registry.example.org/mnist-classifier-cluster": "Containerfile",
    "registry.example.org/mnist-classifier-training": "Containerfile.training",
}
UNITS = {"m": 1e-3, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


@cache
def documents(overlay: str) -> list[Document]:
    """The objects of an overlay, as kubectl would send them."""
    yaml = tools.module("yaml")
    command = [tools.program("kubectl", "it comes with Kubernetes"), "kustomize", str(KUBERNETES / overlay)]
    made = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert made.returncode == 0, made.stderr
    assert not made.stderr, "kustomize warns of words that it will drop"
    return list(yaml.safe_load_all(made.stdout))


def of_kind(overlay: str, kind: str) -> Document:
    """The only object of this kind."""
    (found,) = [document for document in documents(overlay) if document["kind"] == kind]
    return found


def pod_templates(document: Document) -> Iterator[Document]:
    """Labels and PodSpec of every pod that an object makes."""
    spec = document.get("spec", {})
    if document["kind"] == "InferenceService":
        pod = {name: value for name, value in spec["predictor"].items() if name not in PREDICTOR_FIELDS}
        labels = {**document["metadata"]["labels"], KSERVE_LABEL: document["metadata"]["name"]}
        yield {"metadata": {"labels": labels}, "spec": pod}
    elif document["kind"] == "RayJob":
        cluster = spec["rayClusterSpec"]
        for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
            yield group["template"]
    elif "template" in spec:
        yield spec["template"]


def every_pod(overlay: str) -> list[Document]:
    found = [template for document in documents(overlay) for template in pod_templates(document)]
    assert found
    return found


def containers(pod: Document) -> list[Document]:
    """The containers of a pod, those that run first included."""
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


def quantity(text: str) -> float:
    """The number of a quantity such as 500m or 1Gi."""
    found = re.fullmatch(r"([\d.]+)(m|Ki|Mi|Gi)?", text)
    assert found, text
    return float(found[1]) * UNITS.get(found[2], 1)


def selects(selector: Mapping[str, str], pod: Document) -> bool:
    return selector.items() <= pod["metadata"]["labels"].items()


each_overlay = pytest.mark.parametrize("overlay", OVERLAYS)


def test_every_folder_is_tested() -> None:
    assert {folder.name for folder in KUBERNETES.iterdir()} == {"base", *OVERLAYS}


@each_overlay
@pytest.mark.parametrize("release", RELEASES)
def test_kubernetes_takes_every_object(overlay: str, release: str) -> None:
    validator = tools.module("kubernetes_validate")
    own_kinds = {"InferenceService", "RayJob"}  # those of operators have no schema; their pods have
    templates = [
        {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "a"}, "template": template}
        for template in every_pod(overlay)
    ]
    core = [document for document in documents(overlay) if document["kind"] not in own_kinds]
    for document in [*core, *templates]:
        validator.validate(document, release, strict=True)


@each_overlay
def test_a_misspelt_field_would_be_noticed(overlay: str) -> None:
    validator = tools.module("kubernetes_validate")
    pod = every_pod(overlay)[0]
    template = {**pod, "spec": {**pod["spec"], "terminationGraceSeconds": 30}}
    wrong = {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "a"}, "template": template}
    with pytest.raises(validator.ValidationError):
        validator.validate(wrong, RELEASES[-1], strict=True)


@each_overlay
def test_every_pod_fits_the_restricted_pod_security_standard(overlay: str) -> None:
    for pod in every_pod(overlay):
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["enableServiceLinks"] is False, "a Service called mnist would set MNIST_PORT"
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert all({"emptyDir", "persistentVolumeClaim"} & volume.keys() for volume in spec["volumes"])
        for container in containers(pod):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }


@each_overlay
def test_pods_run_as_the_user_of_the_image_and_write_where_it_writes(overlay: str) -> None:
    for pod in every_pod(overlay):
        security = pod["spec"]["securityContext"]
        volumes = {volume["name"] for volume in pod["spec"]["volumes"]}
        for container in containers(pod):
            repository, _, tag = container["image"].rpartition(":")
            image = list(instructions(ROOT / "deploy" / IMAGES[repository]))
            assert tag == __version__
            assert ("USER", f"{security['runAsUser']}:{security['runAsGroup']}") in image
            places = {mount["mountPath"] for mount in container["volumeMounts"]}
            assert {dict(image)["VOLUME"], "/tmp"} <= places
            assert {mount["name"] for mount in container["volumeMounts"]} <= volumes


@each_overlay
def test_every_variable_is_a_setting(overlay: str) -> None:
    settings = {f"MNIST_{spec.name.upper()}" for spec in dataclasses.fields(Settings)}
    maps = {it["metadata"]["name"]: it["data"] for it in documents(overlay) if it["kind"] == "ConfigMap"}
    for pod in every_pod(overlay):
        for container in containers(pod):
            names = {variable["name"] for variable in container["env"]}
            for source in container.get("envFrom", []):
                names |= maps[source["configMapRef"]["name"]].keys()
            assert {name for name in names if name.startswith("MNIST_")} <= settings
            assert names <= settings | OTHERS_VARIABLES


@pytest.mark.parametrize("overlay", ["single", "several", "kserve"])
def test_a_server_would_start_with_these_settings(overlay: str) -> None:
    (pod,) = every_pod(overlay)
    (container,) = pod["spec"]["containers"]
    maps = [it["data"] for it in documents(overlay) if it["kind"] == "ConfigMap"]
    environment = {name: value for data in maps for name, value in data.items()}
    environment |= {
        variable["name"]: variable.get("value", "a-token-of-enough-letters") for variable in container["env"]
    }
    settings = Settings.from_environment(environment)
    assert settings.token, "without one the server does not listen on all addresses"
    assert [port["containerPort"] for port in container["ports"]] == [settings.port]
    assert settings.host == "0.0.0.0"
    assert settings.rate_limit == 0, "all requests come from the address of the ingress controller"


@pytest.mark.parametrize("overlay", ["single", "several", "kserve"])
def test_probes_ask_routes_that_there_are_at_the_port_of_the_server(overlay: str, settings: Settings) -> None:
    app = create_app(settings)
    app.extensions[EXTENSION].store.close()
    routes = {rule.rule for rule in app.url_map.iter_rules()} | {"/healthz"}  # the gateway answers this one itself
    (pod,) = every_pod(overlay)
    (container,) = pod["spec"]["containers"]
    ports = {port.get("name", port["containerPort"]) for port in container["ports"]}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        asked = container[probe]["httpGet"]
        assert asked["path"] in routes
        assert asked["port"] in ports
    assert "ready" in container["startupProbe"]["httpGet"]["path"]
    # A liveness probe that depends on a database would kill every pod when that is away.
    assert container["livenessProbe"]["httpGet"]["path"] in ("/healthz", "/v2/health/live")
    annotations = pod["metadata"].get("annotations", {})
    assert annotations.get("prometheus.io/path", "/metrics") in routes


@pytest.mark.parametrize("overlay", ["single", "several", "kserve"])
def test_a_pod_has_time_to_finish_its_requests(overlay: str) -> None:
    (pod,) = every_pod(overlay)
    (container,) = pod["spec"]["containers"]
    command, seconds = container["lifecycle"]["preStop"]["exec"]["command"]
    assert command == "sleep"
    grace = pod["spec"]["terminationGracePeriodSeconds"]
    assert grace >= int(seconds) + max(GRACE_S, KILL_AFTER_S) + 5


@each_overlay
def test_no_container_asks_for_more_than_it_may_have(overlay: str) -> None:
    for pod in every_pod(overlay):
        for container in containers(pod):
            wanted, allowed = container["resources"]["requests"], container["resources"]["limits"]
            assert {"cpu", "memory"} <= wanted.keys()
            assert "memory" in allowed
            assert all(quantity(wanted[name]) <= quantity(allowed[name]) for name in wanted.keys() & allowed.keys())
            # Measured with sixteen photographs of 12 megapixels at once (docs/deploy.md).
            if container["name"] in ("server", "kserve-container"):
                assert quantity(allowed["memory"]) >= 1.1e9 * 1.3


@each_overlay
def test_selectors_find_the_pods(overlay: str) -> None:
    pods = every_pod(overlay)
    for document in documents(overlay):
        spec = document.get("spec", {})
        if document["kind"] == "Service":
            chosen = spec["selector"]
            named = {port.get("name") for pod in pods for one in pod["spec"]["containers"] for port in one["ports"]}
            assert {port["targetPort"] for port in spec["ports"] if "targetPort" in port} <= named
        elif document["kind"] == "NetworkPolicy":
            chosen = spec["podSelector"]["matchLabels"]
            assert set(spec["policyTypes"]) == {"Ingress", "Egress"}
        elif document["kind"] in ("Deployment", "PodDisruptionBudget"):
            chosen = spec["selector"]["matchLabels"]
        else:
            continue
        assert all(selects(chosen, pod) for pod in pods), document["kind"]


def test_the_network_of_a_single_server_ends_at_its_port() -> None:
    spec = of_kind("single", "NetworkPolicy")["spec"]
    assert spec["ingress"] == [{"ports": [{"port": "http", "protocol": "TCP"}]}]
    assert not spec.get("egress")


@pytest.mark.parametrize("overlay", [overlay for overlay in OVERLAYS if overlay != "single"])
def test_pods_reach_names_and_two_ports_alone(overlay: str) -> None:
    rules = of_kind(overlay, "NetworkPolicy")["spec"]["egress"]
    beyond = [rule for rule in rules if any("ipBlock" in to for to in rule["to"])]
    assert {port["port"] for rule in beyond for port in rule["ports"]} <= {443, 5432}
    assert all("169.254.0.0/16" in to["ipBlock"]["except"] for rule in beyond for to in rule["to"])
    (names,) = [rule for rule in rules if any("namespaceSelector" in to for to in rule["to"])]
    assert {(port["port"], port["protocol"]) for port in names["ports"]} == {(53, "UDP"), (53, "TCP")}


def test_only_the_pods_of_a_ray_cluster_and_its_operator_reach_it() -> None:
    policy = of_kind("ray", "NetworkPolicy")["spec"]
    own, operator = policy["ingress"]
    assert own["from"] == [{"podSelector": policy["podSelector"]}]
    assert [port["port"] for port in operator["ports"]] == [8265]
    assert all("podSelector" in source for source in operator["from"])


def test_secrets_and_config_maps_agree_with_the_documented_command() -> None:
    text = (KUBERNETES / "several" / "kustomization.yaml").read_text("utf-8")
    (name,) = set(re.findall(r"create secret generic ([\w-]+)", text))
    keys = set(re.findall(r"--from-literal=(\w+)=", text))
    (pod,) = every_pod("several")
    wanted = [variable["valueFrom"]["secretKeyRef"] for variable in pod["spec"]["containers"][0]["env"]]
    assert {reference["name"] for reference in wanted} == {name}
    assert {reference["key"] for reference in wanted} == keys
    assert not any(key in str(of_kind("several", "ConfigMap")) for key in ("TOKEN", "SECRET", "DATABASE"))


@pytest.mark.parametrize("overlay", ["several", "kserve", "training"])
def test_pods_on_the_shared_database_have_its_model_store_with_keys_and_both_drivers(overlay: str) -> None:
    # A version whose row is in the database and whose files are elsewhere is listed by all servers as missing.
    several = of_kind("several", "ConfigMap")["data"]["MNIST_MODELS_URL"]
    maps = {it["metadata"]["name"]: it["data"] for it in documents(overlay) if it["kind"] == "ConfigMap"}
    for pod in every_pod(overlay):
        (container,) = pod["spec"]["containers"]
        variables = {variable["name"]: variable for variable in container["env"]}
        required = variables["MNIST_DATABASE_URL"]["valueFrom"]["secretKeyRef"]
        assert not required.get("optional")
        shared = {
            name: value
            for source in container.get("envFrom", [])
            for name, value in maps[source["configMapRef"]["name"]].items()
        }
        assert shared.get("MNIST_MODELS_URL", variables.get("MNIST_MODELS_URL", {}).get("value")) == several
        assert {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} <= variables.keys()
        repository = container["image"].rpartition(":")[0]
        text = (ROOT / "deploy" / IMAGES[repository]).read_text("utf-8")
        assert f"--build-arg EXTRAS=servers -t {repository.rpartition('/')[2]} " in text
        assert '".${EXTRAS:+[$EXTRAS]}"' in text


def test_a_single_pod_keeps_its_database_on_a_volume_that_no_second_pod_opens() -> None:
    deployment = of_kind("single", "Deployment")["spec"]
    assert (deployment["replicas"], deployment["strategy"]) == (1, {"type": "Recreate"})
    (pod,) = every_pod("single")
    volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
    claim = of_kind("single", "PersistentVolumeClaim")["metadata"]["name"]
    assert volumes["home"] == {"name": "home", "persistentVolumeClaim": {"claimName": claim}}


def test_the_autoscaler_owns_the_number_of_pods() -> None:
    deployment, scaler = of_kind("several", "Deployment"), of_kind("several", "HorizontalPodAutoscaler")["spec"]
    target = scaler["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", deployment["metadata"]["name"])
    assert "replicas" not in deployment["spec"], "every kubectl apply would undo the autoscaler's choice"
    assert 2 <= scaler["minReplicas"] < scaler["maxReplicas"]
    (metric,) = scaler["metrics"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    # Utilization is a share of the request, so the request must be what a server can use: one core.
    assert metric["resource"]["target"]["type"] == "Utilization"
    assert quantity(container["resources"]["requests"]["cpu"]) == Settings.from_environment({}).workers
    assert "cpu" not in container["resources"]["limits"]


def test_a_drained_node_never_takes_the_last_pod() -> None:
    budget, scaler = of_kind("several", "PodDisruptionBudget")["spec"], of_kind("several", "HorizontalPodAutoscaler")
    assert budget["maxUnavailable"] < scaler["spec"]["minReplicas"]
    rolling = of_kind("several", "Deployment")["spec"]["strategy"]["rollingUpdate"]
    assert rolling == {"maxUnavailable": 0, "maxSurge": 1}


def test_kserve_serves_the_model_under_the_name_that_the_server_gives_it(settings: Settings) -> None:
    service = of_kind("kserve", "InferenceService")
    assert service["apiVersion"] == "serving.kserve.io/v1beta1"
    predictor = service["spec"]["predictor"]
    (container,) = predictor["containers"]
    assert container["name"] == "kserve-container"  # KServe finds the server by it
    assert {variable["name"]: variable.get("value") for variable in container["env"]}["PROTOCOL"] == "v2"
    app = create_app(settings)
    with app.test_client() as client:
        assert client.get(f"/v2/models/{service['metadata']['name']}/ready").status_code == 200
    app.extensions[EXTENSION].store.close()
    scaler = of_kind("several", "HorizontalPodAutoscaler")["spec"]
    assert predictor["scaleMetric"] == scaler["metrics"][0]["resource"]["name"]
    assert predictor["scaleTarget"] == scaler["metrics"][0]["resource"]["target"]["averageUtilization"]


def test_a_ray_job_has_the_fields_of_kuberay_and_runs_a_command_that_there_is() -> None:
    job = of_kind("ray", "RayJob")
    assert job["apiVersion"] == "ray.io/v1"
    spec, cluster = job["spec"], job["spec"]["rayClusterSpec"]
    assert spec.keys() == {
        "entrypoint", "submissionMode", "backoffLimit", "shutdownAfterJobFinishes", "ttlSecondsAfterFinished",
        "rayClusterSpec",
    }  # fmt: skip
    assert spec["submissionMode"] in ("K8sJobMode", "HTTPMode", "InteractiveMode")
    assert cluster.keys() == {"rayVersion", "headGroupSpec", "workerGroupSpecs"}
    assert cluster["headGroupSpec"].keys() == {"rayStartParams", "template"}
    for group in cluster["workerGroupSpecs"]:
        assert group.keys() == {"groupName", "replicas", "minReplicas", "maxReplicas", "rayStartParams", "template"}
        assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
    program, command, *arguments = spec["entrypoint"].split()
    assert program == "mnist"
    assert_options(command, arguments)


def test_ray_does_not_report_to_its_maker() -> None:
    for pod in every_pod("ray"):
        (container,) = pod["spec"]["containers"]
        assert {"name": "RAY_USAGE_STATS_ENABLED", "value": "0"} in container["env"]


def torchrun_command() -> list[str]:
    """The words of the command of the training, with the variables that Kubernetes or the shell fills in."""
    (worker,) = of_kind("training", "Job")["spec"]["template"]["spec"]["containers"]
    assert worker["command"] == ["/bin/sh", "-c"]
    (line,) = worker["args"]
    return re.findall(r"(?:[^\s$]|\$\w+|\$\([^)]*\))+", line)


def test_a_training_job_starts_as_many_workers_as_it_has_pods() -> None:
    job, service = of_kind("training", "Job")["spec"], of_kind("training", "Service")
    words = torchrun_command()
    assert words[:2] == ["exec", "torchrun"]
    split = words.index("-m")
    options = dict(argument.removeprefix("--").split("=", 1) for argument in words[2:split])
    assert int(options["nnodes"]) == job["completions"] == job["parallelism"]
    host, port = options["rdzv-endpoint"].split(":")
    name = service["metadata"]["name"]
    assert host == f"{of_kind('training', 'Job')['metadata']['name']}-0.{name}"
    assert job["template"]["spec"]["subdomain"] == name
    assert job["completionMode"] == "Indexed", "only its pods have a number in their host name"
    assert (service["spec"]["clusterIP"], service["spec"]["publishNotReadyAddresses"]) == ("None", True)
    assert [int(port)] == [one["port"] for one in service["spec"]["ports"]]
    package, command, *arguments = words[split + 1 :]
    assert package == "mnist_classifier"
    assert_options(command, arguments)


@pytest.mark.slow
def test_the_workers_of_a_training_job_find_each_other() -> None:
    """As many shells as pods run the command, here on one computer; instead of a training each says who it is."""
    words = torchrun_command()
    command = " ".join([*words[: words.index("-m")], "--no-python", "sh -c 'echo worker $RANK of $WORLD_SIZE'"])
    torchrun = Path(sys.executable).with_name("torchrun")
    command = command.replace("exec torchrun", f"exec {sys.executable} {torchrun}").replace("$(POD_IP)", "127.0.0.1")
    command = command.replace("$(JOB_ID)", "a-job")
    command = re.sub(r"(--rdzv-endpoint)=\S+", rf"\1=127.0.0.1:{free_port()}", command)
    pods = [
        subprocess.Popen(
            ["/bin/sh", "-c", command], env={**os.environ, "JOB_COMPLETION_INDEX": str(number)},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8",
        )
        for number in range(2)
    ]  # fmt: skip
    try:
        printed = "".join(pod.communicate(timeout=120)[0] for pod in pods)
    finally:
        for pod in pods:
            pod.kill()
    assert [pod.returncode for pod in pods] == [0, 0], printed
    assert set(re.findall(r"worker \d of \d", printed)) == {"worker 0 of 2", "worker 1 of 2"}


def assert_options(command: str, arguments: list[str]) -> None:
    """Check that a command of ours has these options."""
    known = cli.main.get_command(click.Context(cli.main), command)
    assert known is not None, command
    options = {option for parameter in known.params for option in parameter.opts}
    used = {argument.split("=")[0] for argument in arguments if argument.startswith("--")}
    assert used <= options
