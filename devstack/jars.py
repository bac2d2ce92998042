"""The jars of Apache Kafka: named with their SHA-256 in `kafka-jars.lock`, fetched once into the user's cache.

A jar whose content is not the locked one is never given to Java.
"""

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from jgo.maven import Artifact, MavenContext

from devstack import folders
from devstack.launch import CannotStart

LOCK = Path(__file__).with_name("kafka-jars.lock")
BROKER = "org.apache.kafka:kafka_2.13:4.3.0"
LOGGING = "org.apache.logging.log4j:log4j-slf4j-impl"  # joins Kafka's slf4j to the log4j it brings; in the release, not in its POM
AT_ONCE = 6
HEADER = "# Apache Kafka's jars: coordinate, SHA-256, bytes. Written by `python -m devstack lock-jars`.\n"


@dataclass(frozen=True)
class Jar:
    coordinate: str
    sha256: str
    size: int

    @property
    def path(self) -> Path:
        """Named by its content too: a lock that changes never meets another checkout's jar of the same name."""
        _, artifact, version = self.coordinate.split(":")
        return folders.cache() / "jars" / f"{artifact}-{version}-{self.sha256[:12]}.jar"

    def is_here(self) -> bool:
        """Read in full: all of them take 50 ms."""
        return self.path.exists() and _sha256(self.path) == self.sha256


def locked() -> list[Jar]:
    lines = (line.split() for line in LOCK.read_text().splitlines() if line and not line.startswith("#"))
    return [Jar(coordinate, sha256, int(size)) for coordinate, sha256, size in lines]


def classpath(tell: Callable[[str], None]) -> list[Path]:
    """Every locked jar, on disk and verified; what is missing is fetched. Raises CannotStart."""
    jars = locked()
    missing = [jar for jar in jars if not jar.is_here()]
    if missing:
        total = sum(jar.size for jar in missing) / 1e6
        tell(f"Fetching Apache Kafka, once: {len(missing)} jars, {total:.0f} MB, kept in {folders.cache() / 'jars'}")
        for number, jar in enumerate(_fetched(missing), start=1):
            tell(f"  {number}/{len(missing)} {jar.coordinate}, {jar.size / 1e6:.1f} MB")
    return [jar.path for jar in jars]


def _fetched(missing: list[Jar]) -> Iterator[Jar]:
    """Several at once, each as soon as it lies verified in the cache."""
    folder = folders.cache() / "jars"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetching-", dir=folder) as place, ThreadPoolExecutor(AT_ONCE) as pool:
        maven = MavenContext(repo_cache=Path(place), local_repos=[], timeout=30)
        yield from pool.map(lambda jar: fetch(jar, maven), missing)


def fetch(jar: Jar, maven: MavenContext) -> Jar:
    """Into the cache, verified. Raises CannotStart, and then keeps nothing."""
    try:
        fetched: Path = _artifact(jar.coordinate, maven).resolve()
    except (OSError, RuntimeError) as error:  # requests' errors are OSErrors
        advice = "Is this machine online? Behind a proxy with certificates of its own, name them in REQUESTS_CA_BUNDLE"
        raise CannotStart(f"{jar.coordinate} could not be fetched from Maven Central: {error}. {advice}") from error
    found = _sha256(fetched)
    if found != jar.sha256:
        raise CannotStart(f"{jar.coordinate}: SHA-256 is {found}, but {LOCK.name} has {jar.sha256}. Nothing was kept")
    fetched.replace(jar.path)  # in one step: another run may be reading
    return jar


def write_lock(tell: Callable[[str], None]) -> None:
    """Resolve Kafka's dependencies anew and lock what comes."""
    with tempfile.TemporaryDirectory() as place:
        maven = MavenContext(repo_cache=Path(place), local_repos=[], timeout=30)
        itself, others = maven.resolver.resolve([maven.create_dependency(BROKER)])
        artifacts = [dependency.artifact for dependency in (*itself, *others)]
        log4j = next(one.version for one in artifacts if one.artifactId == "log4j-core")
        artifacts.append(_artifact(f"{LOGGING}:{log4j}", maven))
        lines = sorted(_line(artifact) for artifact in artifacts)
    LOCK.write_text(HEADER + "".join(lines))
    tell(f"{LOCK.name}: {len(lines)} jars")


def _line(artifact: Artifact) -> str:
    path: Path = artifact.resolve()
    return f"{artifact.groupId}:{artifact.artifactId}:{artifact.version} {_sha256(path)} {path.stat().st_size}\n"


def _artifact(coordinate: str, maven: MavenContext) -> Artifact:
    group, artifact, version = coordinate.split(":")
    return maven.project(group, artifact).at_version(version).artifact()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
