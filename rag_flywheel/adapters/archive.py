"""A folder as one archive at a URL, through fsspec: s3://, gs://, abfs://, sftp://, file:// and whatever else it knows.

One object is there whole or not at all, which of many nobody can say.
"""

import contextlib
import gzip
import os
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import fsspec  # type: ignore[import-untyped]

from rag_flywheel.errors import ConfigError, Damaged, FlywheelError, InvalidInput, Unavailable, on_disk

LEVEL = 1  # of gzip: most of an embedded version is holes, which any level makes small
BLOCK = 1 << 20


def exists(url: str) -> bool:
    """Whether something is there. Raises ConfigError, InvalidInput, Unavailable."""
    with _opened(url) as (files, path):
        return bool(files.exists(path))


def send(folder: Path, url: str) -> None:
    """Put all files below a folder into an archive there, which takes the place of what was. It is there once this has
    returned, and not in part before. Raises ConfigError, InvalidInput, Unavailable.
    """
    # What leaves a transaction by an error is thrown away, where closing the file would keep the part that was sent.
    with (
        _opened(url) as (files, path),
        _for_the_owner_alone(),
        files.transaction,
        files.open(path, "wb") as written,
        gzip.GzipFile(fileobj=written, mode="wb", compresslevel=LEVEL) as packed,
        tarfile.open(fileobj=packed, mode="w|") as archive,
    ):
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            archive.add(file, file.relative_to(folder).as_posix())


def fetch(url: str, folder: Path) -> None:
    """Put the files of an archive below a folder, zeros as holes. Raises Damaged for one that is cut, or is none;
    InvalidInput where there is none; ConfigError, Unavailable.
    """
    with (
        _opened(url) as (files, path),
        files.open(path, "rb") as read,
        gzip.GzipFile(fileobj=read) as packed,
        tarfile.open(fileobj=packed, mode="r|") as archive,
    ):
        for member in archive:
            inside = Path(member.name)
            if not member.isfile() or inside.is_absolute() or ".." in inside.parts:
                raise Damaged("what is there holds more than plain files, so it is no backup: name another")
            source = archive.extractfile(member)
            assert source is not None  # of a file there is one
            _put(source, folder / inside)
        while packed.read(BLOCK):  # to its end, where the checksum is
            pass


@contextlib.contextmanager
def _for_the_owner_alone() -> Iterator[None]:
    """What is written on this machine, which fsspec lets everybody read whom the process's mask does not forbid it."""
    mask = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(mask)


def _put(source: IO[bytes], target: Path) -> None:
    with on_disk(target):
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as to:
            while block := source.read(BLOCK):
                if block == bytes(len(block)):
                    to.seek(len(block), os.SEEK_CUR)
                else:
                    to.write(block)
            to.truncate()


@contextlib.contextmanager
def _opened(given: str) -> Iterator[tuple[Any, str]]:
    """The file system, and the path in it. What it raises are errors of many packages, whose words may hold secrets."""
    parts = urlsplit(given)
    url = given.partition("?")[0]  # what is told of it: a query may be a signature
    before, at, _ = url.partition("://")[2].partition("@")
    if at and ":" in before:  # a key may hold slashes; who stands there alone is a user, or a container of abfs://
        raise InvalidInput("a URL of a backup holds no key: give it as the store's own variables, such as AWS_PROFILE")
    try:
        files, path = fsspec.url_to_fs(given, skip_instance_cache=True)  # whose keys are those of now
        yield files, path
    except FlywheelError:
        raise
    except ImportError as error:
        raise ConfigError(
            f"what reaches {parts.scheme}:// is not installed: `pip install 'rag-flywheel[s3]'` for s3://, for others "
            "the package that fsspec's documentation names"
        ) from error
    except FileNotFoundError as error:
        raise InvalidInput(f"there is nothing at {url}: see that the bucket is there and the name is right") from error
    except (EOFError, tarfile.TarError, gzip.BadGzipFile, zlib.error) as error:
        raise Damaged(f"{url} is no whole archive of a backup ({type(error).__name__}): take another backup") from error
    except Exception as error:
        if isinstance(error, ValueError) and parts.scheme not in fsspec.available_protocols():
            raise InvalidInput(f"no store is known by {parts.scheme}://: see fsspec's list, s3:// is one") from error
        raise Unavailable(
            f"the store at {parts.scheme}://{parts.netloc} gave or took nothing ({type(error).__name__}): see its "
            "address and the keys in this environment, such as AWS_ENDPOINT_URL and AWS_PROFILE, then try again"
        ) from error
