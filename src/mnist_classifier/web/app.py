"""The web application: pages and HTTP API."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from flask import Flask
from werkzeug.routing import IntegerConverter

from mnist_classifier.core.database import Store
from mnist_classifier.core.records import LARGEST_ID
from mnist_classifier.core.settings import Settings
from mnist_classifier.evaluation.explore import Explorer
from mnist_classifier.learning.corrections import Corrections
from mnist_classifier.learning.personal_models import PersonalModels
from mnist_classifier.learning.proposals import Proposals
from mnist_classifier.learning.reading_counts import ReadingCounts
from mnist_classifier.registry.versions import Registry
from mnist_classifier.runs.jobs import Jobs
from mnist_classifier.runs.recipe_times import RecipeTimes
from mnist_classifier.runs.run_log import Runs
from mnist_classifier.web.http import compression, limits, security
from mnist_classifier.web.http.access import Access
from mnist_classifier.web.http.cors import Cors
from mnist_classifier.web.http.request_log import RequestLog
from mnist_classifier.web.http.root_path import RootPath
from mnist_classifier.web.openapi import routes as documentation
from mnist_classifier.web.routes import (
    batch,
    corrections,
    data,
    drift,
    errors,
    explore,
    health,
    inference,
    models,
    pages,
    personal,
    predict,
    proposals,
    runs,
    sheets,
    status,
)
from mnist_classifier.web.routes.fast_path import FastPath
from mnist_classifier.web.services.database_state import DatabaseState
from mnist_classifier.web.services.drift_watch import DriftWatch
from mnist_classifier.web.services.mnist_files import MnistFiles
from mnist_classifier.web.services.observer import Observer
from mnist_classifier.web.services.proposer import Proposer
from mnist_classifier.web.services.reading_tally import ReadingTally
from mnist_classifier.web.services.retention import Retention
from mnist_classifier.web.services.served_model import ServedModel
from mnist_classifier.web.services.services import EXTENSION, Services
from mnist_classifier.web.services.shared_rates import SharedRates
from mnist_classifier.web.services.streams import Streams
from mnist_classifier.web.wire.encoding import Json

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


def add_routes(app: Flask) -> None:
    """Add every route, but not the services that they need; enough for the OpenAPI document."""
    app.url_map.converters["int"] = RowNumber
    modules = (
        pages,
        predict,
        status,
        data,
        batch,
        inference,
        health,
        runs,
        corrections,
        sheets,
        personal,
        proposals,
        drift,
        models,
        explore,
        documentation,
    )
    # predict, status and data share a blueprint; so do corrections and sheets.
    for blueprint in dict.fromkeys(module.blueprint for module in modules):
        app.register_blueprint(blueprint)


class RowNumber(IntegerConverter):
    """A number in a path, small enough for every database; a longer one is not found."""

    # With `max`, werkzeug would answer 405 where another method has the same path.
    regex = rf"\d{{1,{len(str(LARGEST_ID))}}}"


def create_app(settings: Settings, is_stopping: Callable[[], bool] = lambda: False) -> Flask:
    """Build the application for one MNIST_HOME, after cleaning up versions and runs that a crash left behind.

    is_stopping: returns True when the server is about to stop, so that event streams end.
    """
    limiter = limits.limiter_of(settings)
    services = _services(settings, limiter, is_stopping)
    services.registry.adopt()
    services.runs.mark_interrupted()
    services.jobs.dispatch()
    services.retention.expire()
    app = Flask("mnist_classifier.web")
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    # A base64 image in a form field can be as large as the body.
    app.config["MAX_FORM_MEMORY_SIZE"] = settings.max_body_bytes
    app.json = Json(app)
    app.extensions[EXTENSION] = services
    add_routes(app)
    errors.register(app)
    health.register(app)
    app.before_request(services.access.check)
    security.register(app)
    compression.register(app)
    app.wsgi_app = _layers(app, settings, limiter)  # type: ignore[assignment, method-assign]
    return app


def _services(settings: Settings, limiter: limits.RateLimiter | None, is_stopping: Callable[[], bool]) -> Services:
    store = Store(settings.resolved_database_url)
    registry, run_log = Registry.of(settings, store), Runs(store, settings.claims_dir)
    corrections_store, proposals_store = Corrections(store), Proposals(store)
    explorer, counts = Explorer(settings, registry), ReadingCounts(store)
    tally = ReadingTally(counts)
    return Services(
        settings=settings,
        access=Access(settings),
        store=store,
        registry=registry,
        runs=run_log,
        corrections=corrections_store,
        personal=PersonalModels(store, registry),
        retention=Retention(corrections_store, settings.corrections_days),
        jobs=Jobs(settings, run_log),
        recipe_times=RecipeTimes(settings, run_log),
        # Each stream holds a thread; half of the threads stay free for other requests.
        streams=Streams(run_log, min(settings.max_streams, settings.server_threads // 2), is_stopping),
        model=ServedModel(registry),
        database=DatabaseState(registry, run_log),
        mnist_files=MnistFiles(settings),
        explorer=explorer,
        observer=Observer(tally),
        tally=tally,
        drift=DriftWatch(counts, corrections_store, explorer),
        proposals=proposals_store,
        proposer=Proposer(proposals_store) if settings.propose else None,
        rates=None if limiter is None else SharedRates(store, limiter),
    )


def _layers(app: Flask, settings: Settings, limiter: limits.RateLimiter | None) -> WSGIApplication:
    """The application in its WSGI middleware, the innermost first."""
    layers: WSGIApplication = FastPath(app)
    if limiter is not None:
        layers = limits.RateLimited(layers, limiter)
    if settings.allowed_origins:
        layers = Cors(layers, settings.allowed_origins)
    # Outside of everything that answers, so that every request has an id.
    layers = RequestLog(layers, writes=settings.access_log == "on")
    return RootPath(layers, settings.root_path) if settings.root_path else layers
