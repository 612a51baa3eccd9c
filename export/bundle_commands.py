"""The commands for a bundle that exists: keygen, sign, verify, inspect."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option, Typer

from edge.commands import Json

BundleFile = Annotated[Path, Argument(metavar="BUNDLE")]


def add_bundle_commands(app: Typer) -> None:
    """Give `app` these commands."""
    for command in (keygen, sign, verify, inspect):
        app.command(command.__name__)(command)


def keygen(
    out: Annotated[Path, Argument(metavar="OUT", help="Writes OUT, which stays secret, and OUT.pub for the devices.")],
) -> None:
    """Make a pair of ed25519 keys."""
    from export.signing import make_keys

    public = make_keys(out)
    print(f"{out}: keep it secret\n{out}.pub: {public.fingerprint}, for trusted_keys of the devices")


def sign(bundle: BundleFile, *, key: Annotated[Path, Option(help="The secret key that keygen wrote.")]) -> None:
    """Sign BUNDLE in place: manifest.sig over manifest.json, which holds the hash of everything else."""
    from export.signing import public_of, sign_bundle

    sign_bundle(bundle, key)
    print(f"{bundle}: signed by {public_of(key)}")


def verify(
    bundle: BundleFile,
    *,
    key: Annotated[list[Path] | None, Option(help="Public key that must have signed it; repeatable, one does.")] = None,
    dataset: Annotated[Path | None, Option(help="Photos to repeat the gate on; best those of the export.")] = None,
    folder_map: Annotated[
        str, Option("--map", help="Folders of --dataset -> classes: a TOML file, or trashnet, kaggle12, paper4.")
    ] = "",
    threads: Annotated[int, Option(min=1, help="Inference threads.")] = 1,
    as_json: Json = False,
) -> None:
    """Prove BUNDLE on this machine: contents, signature, golden inputs, with --dataset the gate. Needs no Keras."""
    from edge.photos.maps import open_map
    from export.verify import verify_bundle

    verify_bundle(bundle, tuple(key or ()), dataset, threads, folder_map=open_map(folder_map), as_json=as_json)


def inspect(bundle: BundleFile, as_json: Json = False) -> None:
    """Print what is inside of BUNDLE."""
    from export.inspect import inspect_bundle

    inspect_bundle(bundle, as_json=as_json)
