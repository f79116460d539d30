"""The schedules, where ``torch.optim.lr_scheduler`` has them: for code that comes from there."""

from lamella.optim.schedule import *  # noqa: F403
from lamella.optim.schedule import __all__ as __all__
