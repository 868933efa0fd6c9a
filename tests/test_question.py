import pytest

from accelsim.catalog import parse_overrides
from accelsim.errors import InputError
from accelsim.question import Question, resolve, run_from

RUN = {"model": "llama3-8b", "system": "dgx-h100", "chips": 64}


def ask(*changes: str, **fields: object) -> Question:
    return resolve(run_from({**RUN, **fields}), parse_overrides(changes))


def test_what_is_left_out_takes_the_models_and_the_systems_word() -> None:
    q = ask()
    assert (q.seq_len, q.global_batch) == (8192, 512)  # 4 Mi tokens
    assert (q.chip.name, q.software.name) == ("h100-sxm", "megatron-core")
    assert q.workers == 64


def test_trainium_chips_hold_several_workers() -> None:
    assert ask(system="trn2-ultraserver").workers == 256
    assert ask(system="trn1-32xlarge").workers == 128


def test_the_best_precision_is_the_narrowest_in_use() -> None:
    assert ask(precision="best").precision == "fp8"
    assert ask(precision="best", system="dgx-a100").precision == "bf16"
    assert ask(precision="fp16").precision in ("fp16", "bf16")


def test_overrides_reach_every_part() -> None:
    q = ask(
        'chip.hbm.bandwidth="8 TB/s"',
        'link.nvlink4.latency="1 us"',
        "system.pue=1.5",
        "model.layers=40",
        'software.launch="1 us"',
        "plan.tp=4",
        "run.chips=32",
    )
    assert q.chip.hbm.bandwidth.value == 8e12
    latency = q.links["nvlink4"].latency
    assert latency is not None
    assert latency.value == 1e-6
    assert (q.system.pue.value, q.model.layers) == (1.5, 40)
    assert (q.software.launch.value, q.plan.tp, q.run.chips) == (1e-6, 4, 32)


def test_soft_figures_are_press_or_assumed() -> None:
    soft = ask(system="trn2-ultraserver").soft_figures()
    assert soft["chip.power.tdp"].kind == "press"
    assert {figure.kind for figure in soft.values()} <= {"press", "assumed"}


@pytest.mark.parametrize(
    ("changes", "fields", "expected"),
    [
        (["chop.clock=1"], {}, "a path is chip.FIELD, link.NAME.FIELD"),
        (["chip=1"], {}, "a path is"),
        (['link.nvlink9.latency="1 us"'], {}, "has no such link"),
        ([], {"precision": "fp8", "system": "dgx-a100"}, "has no fp8; valid:"),
        ([], {"global_batch_tokens": 8193}, "is no multiple of seq_len 8192"),
        ([], {"global_batch": 8, "global_batch_tokens": 8}, "not both"),
        ([], {"chips": 0}, "chips: 0: input should be greater than 0"),
        ([], {"chips": 10**23}, "chips"),
        ([], {"plan": {"tp": -1}}, "plan.tp: -1: input should be greater than 0"),
        ([], {"plan": {"tq": 1}}, "plan.tq: unknown field; did you mean 'tp'"),
        ([], {"modle": "x"}, "modle: unknown field; did you mean 'model'"),
        ([], {"software": "megatron"}, "did you mean 'megatron-"),
    ],
)
def test_a_bad_question_is_one_line(
    changes: list[str], fields: dict[str, object], expected: str
) -> None:
    with pytest.raises(InputError) as error:
        ask(*changes, **fields)
    assert expected in str(error.value)
    assert "\n" not in str(error.value)
