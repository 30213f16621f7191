"""The web application: pages and HTTP API."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from flask import Flask
from werkzeug.routing import IntegerConverter

from mnist_classifier.core.database import Store
from mnist_classifier.core.settings import Settings
from mnist_classifier.data.mnist import Images
from mnist_classifier.data.splits import TEST, load_split
from mnist_classifier.evaluation.comparison import Comparisons
from mnist_classifier.evaluation.explore import Explorer
from mnist_classifier.registry.versions import Registry
from mnist_classifier.runs.jobs import Jobs
from mnist_classifier.runs.run_log import Runs
from mnist_classifier.web.http import compression, limits, security
from mnist_classifier.web.http.access import Access
from mnist_classifier.web.http.cors import Cors
from mnist_classifier.web.http.request_log import RequestLog
from mnist_classifier.web.http.root_path import RootPath
from mnist_classifier.web.openapi import documents
from mnist_classifier.web.routes import batch, errors, explore, health, inference, models, pages, predict
from mnist_classifier.web.routes import runs as runs_api
from mnist_classifier.web.routes.fast_path import Express
from mnist_classifier.web.services.observer import Observer
from mnist_classifier.web.services.served_model import ServedModel
from mnist_classifier.web.services.services import EXTENSION, Services
from mnist_classifier.web.services.streams import Streams
from mnist_classifier.web.services.testset import TestSet
from mnist_classifier.web.wire.encoding import Json
from mnist_classifier.web.wire.parameters import LARGEST_ID

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


def add_routes(app: Flask) -> None:
    """Add every route, but not the services that they need; enough for the OpenAPI document."""
    app.url_map.converters["int"] = RowNumber
    for module in (pages, predict, batch, inference, health, runs_api, models, explore, documents):
        app.register_blueprint(module.blueprint)


class RowNumber(IntegerConverter):
    """A number in a path, small enough for every database; a longer one is not found."""

    # With `max`, werkzeug would answer 405 where another method has the same path.
    regex = rf"\d{{1,{len(str(LARGEST_ID))}}}"


def create_app(settings: Settings, is_stopping: Callable[[], bool] = lambda: False) -> Flask:
    """Build the application for one MNIST_HOME, after cleaning up versions and runs that a crash left behind.

    is_stopping: returns True when the server is about to stop, so that event streams end.
    """
    services = _services(settings, is_stopping)
    services.registry.adopt()
    services.runs.mark_interrupted()
    services.jobs.dispatch()
    app = Flask("mnist_classifier.web")
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    # A form field may be as large as the body: a base64 image is one.
    app.config["MAX_FORM_MEMORY_SIZE"] = settings.max_body_bytes
    app.json = Json(app)
    app.extensions[EXTENSION] = services
    add_routes(app)
    errors.register(app)
    health.register(app)
    app.before_request(services.access.check)
    security.register(app)
    compression.register(app)
    app.wsgi_app = _layers(app, settings)  # type: ignore[assignment, method-assign]
    return app


def _services(settings: Settings, is_stopping: Callable[[], bool]) -> Services:
    store = Store(settings.resolved_database_url)
    registry, runs = Registry(settings.models_dir, store), Runs(store, settings.claims_dir)
    test_set = TestSet(settings)

    def load(split: str) -> Images:
        return test_set.images() if split == TEST else load_split(settings.data_dirs(), split)

    return Services(
        settings=settings,
        access=Access(settings),
        store=store,
        registry=registry,
        runs=runs,
        jobs=Jobs(settings, runs),
        # Each stream holds a thread; half of the threads stay free for other requests.
        streams=Streams(runs, min(settings.max_streams, settings.server_threads // 2), is_stopping),
        model=ServedModel(registry),
        test_set=test_set,
        comparisons=Comparisons(registry, load),
        explorer=Explorer(settings, registry),
        observer=Observer(),
    )


def _layers(app: Flask, settings: Settings) -> WSGIApplication:
    """The application in its WSGI middleware, the innermost first."""
    layers: WSGIApplication = Express(app)
    limiter = limits.limiter_of(settings)
    if limiter is not None:
        layers = limits.RateLimited(layers, limiter)
    if settings.allowed_origins:
        layers = Cors(layers, settings.allowed_origins)
    # Outside of everything that answers, so that every request has an id.
    layers = RequestLog(layers, writes=settings.access_log == "on")
    return RootPath(layers, settings.root_path) if settings.root_path else layers
