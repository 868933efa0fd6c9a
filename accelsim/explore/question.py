from accelsim.question import *  # noqa: F403
