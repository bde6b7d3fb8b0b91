"""``python -m voxel_models`` lists the weights that ship."""

from voxel_models.registry import list_models, weights_info


def main() -> None:
    """Prints a row for each."""
    print(
        f"{'weights':28}{'input':>6}{'output':>8}{'parameters':>12}{'assets':>8}  licences of data"
    )
    for name in list_models():
        info = weights_info(name)
        size = f"{info['resolution']}³"
        dim = info.get("dim", size)
        print(
            f"{name:28}{size:>6}{dim:>8}{info['parameters']:>12,}{info['assets']:>8,}"
            f"  {info['licence']}"
        )


if __name__ == "__main__":
    main()
