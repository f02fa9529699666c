"""Build sdist and wheel, compare the wheel with the repository, run it in an empty environment."""

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def tracked() -> set[str]:
    """Return the files of models and data that git tracks and a wheel must carry."""
    listed = subprocess.run(["git", "ls-files", "models", "data"], cwd=ROOT, check=True,
                            capture_output=True, text=True).stdout.split()
    return {name for name in listed if not name.startswith("data/_build/")}


def main() -> int:
    """Run the check; 0 if all holds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([sys.executable, "-m", "build", "--no-isolation", "--outdir", name,
                        str(ROOT)], check=True, stdout=subprocess.DEVNULL)
        wheel = next(folder.glob("*.whl"))
        inside = {entry.removeprefix("bayes_alliance/_shipped/")
                  for entry in zipfile.ZipFile(wheel).namelist()
                  if entry.startswith("bayes_alliance/_shipped/")}
        if inside != tracked():
            print(f"the wheel lacks {sorted(tracked() - inside)} and has "
                  f"{sorted(inside - tracked())} too much", file=sys.stderr)
            return 1
        subprocess.run([sys.executable, "-m", "venv", str(folder / "empty")], check=True)
        python = folder / "empty" / "bin" / "python"
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--require-hashes", "-r", str(ROOT / "requirements.lock")],
                       check=True)
        subprocess.run([*pip, "--no-deps", str(wheel)], check=True)
        program = str(folder / "empty" / "bin" / "bayes-alliance")
        for arguments in (["--version"], ["model", "show", "rok_japan"],
                          ["data", "validate", "rok_japan"],
                          ["data", "validate", "japan_philippines"],
                          ["data", "init", "pair"], ["model", "show", "pair/model.toml"]):
            subprocess.run([program, *arguments], cwd=name, check=True,
                           stdout=subprocess.DEVNULL)
    print("wheel: contents as tracked, runs in an empty environment")
    return 0


if __name__ == "__main__":
    sys.exit(main())
