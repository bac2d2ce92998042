"""The same two parts in containers, where a Docker engine answers."""

import os

import psycopg
import pytest
from testcontainers.core.config import testcontainers_config
from testcontainers.core.docker_client import DockerClient

from devstack import docker, parts
from devstack.kafka import is_ready


def has_engine_with_images():
    if not os.access(os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://"), os.R_OK | os.W_OK):
        return False  # docker-py leaves a socket behind where it may not enter
    try:
        client = DockerClient().client
        needed = {docker.POSTGRES_IMAGE, docker.KAFKA_IMAGE}
        if not testcontainers_config.ryuk_disabled:  # removes containers of a run that was killed
            needed.add(testcontainers_config.ryuk_image)
        return all(client.images.list(name=image) for image in needed)
    except Exception:
        return False


@pytest.mark.skipif(not has_engine_with_images(), reason="no Docker engine here with the images of PostgreSQL and Kafka")
def test_both_parts_run_in_containers_and_end_with_the_run():
    with parts.running(docker=True, durable=False) as started:
        with psycopg.connect(started.postgres.create_database("in_a_container")) as connection:
            assert connection.execute("SHOW max_connections").fetchone() == ("300",)
        assert is_ready(started.kafka)
    assert not started.postgres.answers()
    assert not is_ready(started.kafka)
