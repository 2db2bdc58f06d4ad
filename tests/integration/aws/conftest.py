"""AWS in memory on a free port, served as the local stack serves it.

Plain moto would let two concurrent conditional writes both succeed.
"""

from threading import Thread

import pytest
import requests
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from sandbox.stack.cloud_server import KeepAlive, OneAtATime


@pytest.fixture(scope="session")
def moto_server():
    app = OneAtATime(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=KeepAlive)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def moto_endpoint(moto_server):
    requests.post(f"{moto_server}/moto-api/reset", timeout=5)
    return moto_server
