"""Whether a run is sent to wandb: the environment wins over the config, a key has to be there."""

import os

from omegaconf import DictConfig

from vision_shared.inputs import InputError
from vision_shared.training_command import rank

OFFLINE = ("offline", "dryrun")
MODES = ("online", "shared", "disabled", *OFFLINE)


def choose_wandb_mode(cfg: DictConfig) -> None:
    """Give WANDB_MODE precedence over ``logger.wandb.offline``, and check that a run can log in.

    Raises:
        InputError: WANDB_MODE is no mode, or there is no key for a run that is online.
    """
    logger = (cfg.get("logger") or {}).get("wandb")
    if logger is None or cfg.trainer.get("fast_dev_run"):
        return
    mode = os.environ.get("WANDB_MODE")
    if mode is not None and mode not in MODES:
        raise InputError(f"WANDB_MODE={mode}: expected one of {', '.join(MODES)}")
    if mode is not None:
        logger.offline = mode in OFFLINE
    if not logger.offline and mode != "disabled" and rank() == 0:
        check_key()


def check_key() -> None:
    """Raise InputError unless there is a key for wandb's server: in the environment or .netrc."""
    import wandb
    from wandb.errors import AuthenticationError
    from wandb.sdk.lib.wbauth import authenticate_session

    host = wandb.setup().settings.base_url
    remedy = "run `wandb login` or set WANDB_API_KEY, or stay offline: logger.wandb.offline=true"
    try:
        key = authenticate_session(host=host, source="train", prompt=False, update_session=False)
    except AuthenticationError as error:
        reason = " ".join(str(error).split())
        raise InputError(f"wandb at {host}: {reason}; {remedy}") from error
    if key is None:
        raise InputError(f"wandb at {host}: no key; {remedy}")
