"""Every option of eval_ssd.py, declared once; see gluon_ssd/options/train.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gluon_ssd.deploy.int8_modes import DTYPES, MODES, ONNX_FORMS
from gluon_ssd.detection.decoding import Decoding
from gluon_ssd.errors import OptionError
from gluon_ssd.options.analyse import against_option, report_errors_option, report_option
from gluon_ssd.options.declare import legacy, option
from gluon_ssd.options.evaluate_idle import EVALUATE_IDLE
from gluon_ssd.options.modes import INFERENCE_BENCHMARK, EvalModeOptions
from gluon_ssd.options.shared import (
    METRICS,
    DataOptions,
    ModelOptions,
    RunOptions,
    RuntimeOptions,
    check_one_model,
    chosen_network,
    detections_schema_option,
    means_no_weights,
    words,
)
from gluon_ssd.options.suppression import suppression_option, with_suppression
from gluon_ssd.options.weights_record import options_of_record

if TYPE_CHECKING:
    from gluon_ssd.models.spec import Spec


@dataclass(frozen=True)
class EvalOptions:
    """evaluation"""

    batch_size: int = legacy(64, "images a batch; times --num-gpus when that is above 0", minimum=1)
    num_gpus: int = legacy(0, "number of GPUs; 0 uses the CPU", minimum=0)
    pretrained: str = legacy(
        "True",
        "true (or 1, yes, t) takes the zoo's weights, anything else is a .params or .pt file; "
        "with --benchmark or --mode benchmark-inference, false (or 0, no, f) takes random weights",
    )
    save_prefix: str = legacy("", "put before the name of the COCO result file")
    metric: str = option("auto", "metric; auto is the data set's own", choices=METRICS)
    nms_thresh: float | None = suppression_option("nms_thresh")
    nms_topk: int | None = suppression_option("nms_topk")
    post_nms: int | None = suppression_option("post_nms")
    results: str = option("", "also write metrics and speed to this JSON file")
    save_detections: str = option("", "also write every detection to this JSON file")
    report: str = report_option(
        "", "also write a report into this new folder: what goes wrong, as a page with pictures"
    )
    against: str = against_option()
    report_errors: int = report_errors_option()
    save_thresholds: bool = option(
        False,
        "write the threshold of the best F1 of each class into the model's own files; the demo and "
        "the API show what reaches it where no threshold is given",
    )
    schema: str = detections_schema_option(
        "form of --save-detections: that of the demo, or for each image a line with the answer "
        "of a SageMaker endpoint"
    )
    dtype: str = option(
        "float32",
        "type the network computes in, the decoding aside: bfloat16, of MXNet and OpenVINO, on "
        "CPUs that have it, float16 on GPUs; int8 models keep their own",
        choices=("float32", "bfloat16", "float16"),
    )


@dataclass(frozen=True)
class DeployOptions:
    """deployed models"""

    deploy: bool = legacy(False, "run an exported model instead of a zoo network")
    model_prefix: str | None = legacy(
        None,
        "exported model: PREFIX-symbol.json and PREFIX-0000.params, a folder or an archive such as "
        "model.tar.gz with one, or an .onnx or .xml file, its ending may be left out",
    )
    no_fuse: bool = option(False, "run an exported fp32 model as written, nothing folded or fused")
    quantized: bool = legacy(
        False,
        "use the zoo's int8 network: GluonCV's quantised graph with the fp32 weights, suppression "
        "among 200 candidates; --calibration does nothing then",
    )
    calibration: bool = legacy(
        False,
        "quantise the network, or the exported fp32 model, to int8, write it and leave; CPU only",
    )
    num_calib_batches: int = legacy(5, "batches for calibration", minimum=1)
    quantized_dtype: str = legacy(
        "auto",
        "integer type of values: uint8 where they are not negative and int8 elsewhere, or one",
        choices=DTYPES,
    )
    calib_mode: str = legacy(
        "naive",
        "how ranges of values are found: at run time, as the largest values of the calibration "
        "images, or by cutting off what is rare there",
        choices=MODES,
    )
    int8_form: str = option(
        "qdq",
        "of an .onnx file that --calibration writes: float operators between pairs that round, or "
        "integer operators",
        choices=ONNX_FORMS,
    )
    calib_split: str = option(
        "",
        "draw calibration images at random from these splits, such as 2007_trainval; train takes "
        "the usual training images; empty takes the first images of the evaluation set",
    )
    calib_seed: int = option(233, "seed of the draw from --calib-split", minimum=0)
    calib_exclude: str = option(
        "", "layers kept in fp32, names joined by commas; --layer-report tells which lose most"
    )
    layer_report: bool = option(
        False,
        "with --calibration, also rank layers by the error that quantising each alone causes; "
        "written beside the model as -layers.md, -layers.json and -layers.png",
    )
    calib_output: str = option(
        "", "folder for the quantised model; empty is `model` beside eval_ssd.py"
    )
    calib_tolerance: float = option(
        0.01,
        "mAP, as a fraction, that --calibration may lose on the evaluation set to be called good",
        minimum=0,
        maximum=1,
    )
    no_calib_score: bool = option(
        False, "leave out scoring the model before and after --calibration, which takes its time"
    )
    auto_tuning: bool = legacy(
        False,
        "search for the int8 form of the network, or of the exported fp32 model, that keeps its "
        "accuracy and is fast, write it and leave; needs the extra tune, CPU only",
        spellings=("--auto_tuning",),
    )
    auto_tuning_config: str = legacy(
        "./config_ssd.ini",
        "ini file that says what --auto_tuning may try, for what, and how long; or an ssd.yaml of "
        "the ONNX model zoo",
        spellings=("--auto_tuning_config",),
    )
    tuned_output: str = option(
        "",
        "file, or prefix of the files, that --auto_tuning keeps; empty is NAME-quantized-tuned in "
        "--calib-output",
    )

    @property
    def excluded_layers(self) -> tuple[str, ...]:
        """The names of --calib-exclude."""
        return words(self.calib_exclude)


@dataclass(frozen=True)
class BenchmarkOptions:
    """benchmark"""

    benchmark: bool = legacy(False, "measure speed on random input and leave")
    num_iterations: int = legacy(100, "measured iterations", minimum=1)
    benchmark_data: bool = option(
        False,
        "with --benchmark, measure on images of the data set, whose candidates for suppression "
        "are as many as in real work; noise has unreal ones",
    )


def _told_by_files(given: Mapping[str, Any]) -> dict[str, Any]:
    weights = "" if given.get("deploy") else given.get("pretrained", "")
    return options_of_record(weights, given)


@dataclass(frozen=True)
class EvalCommand:
    """Options of eval_ssd.py."""

    model: RunOptions = RunOptions()
    data: DataOptions = DataOptions()
    eval: EvalOptions = EvalOptions()
    deploy: DeployOptions = DeployOptions()
    runtime: RuntimeOptions = RuntimeOptions()
    benchmark: BenchmarkOptions = BenchmarkOptions()
    modes: EvalModeOptions = EvalModeOptions()

    takes_yaml = True
    """See `TrainCommand.takes_yaml`."""
    told_by_files = staticmethod(_told_by_files)
    """What the record beside --pretrained says; see `declare.parse`."""
    begin_with = (
        "pretrained",
        "deploy",
        "model_prefix",
        "dataset",
        "dataset_root",
        "splits",
        "batch_size",
        "num_gpus",
        "calibration",
        "benchmark",
    )
    """What the help shows first; see `declare.build_parser`."""
    idle = EVALUATE_IDLE
    """What has no effect; see `options.idle`."""

    def __post_init__(self) -> None:
        if self.deploy.deploy and not self.deploy.model_prefix:
            raise OptionError("--deploy needs --model-prefix PREFIX, the exported model's name")
        _ = self.runtime.told
        if self.benchmark.benchmark_data and not self.benchmark.benchmark:
            raise OptionError("--benchmark-data chooses the images of --benchmark; give both")
        others = {
            "--calibration": self.deploy.calibration,
            "--quantized": self.deploy.quantized,
            "--benchmark": self.benchmark.benchmark,
            f"--mode {self.modes.mode}": self.times_inference,
        }
        for flag, is_set in others.items():
            if is_set and self.deploy.auto_tuning:
                raise OptionError(f"--auto_tuning and {flag} exclude each other; leave one out")
        for flag in ("--calibration", "--benchmark"):
            if others[flag] and self.times_inference:
                raise OptionError(
                    f"--mode {self.modes.mode} and {flag} exclude each other; leave one out"
                )
        on_cpu = {"--auto_tuning": self.deploy.auto_tuning, "--calibration": self.calibrates}
        for flag, is_set in on_cpu.items():
            if is_set and self.eval.num_gpus:
                raise OptionError(
                    f"{flag} works on the CPU alone; got --num-gpus {self.eval.num_gpus}, "
                    "leave it out"
                )
        if self.runtime.named_backend not in ("", "mxnet") and not self.runs_files:
            raise OptionError(
                f"--backend {self.runtime.backend} runs exported models: write one with "
                "scripts/export_ssd.py, and name it with --deploy --model-prefix"
            )
        extras = {
            "--layer-report": self.deploy.layer_report,
            "--calib-exclude": bool(self.deploy.calib_exclude),
        }
        for flag, is_set in extras.items():
            if is_set and not self.calibrates:
                raise OptionError(f"{flag} is for --calibration; add that")
        if self.deploy.deploy:
            check_one_model(self.eval.pretrained, self.deploy.model_prefix or "")
            return
        _ = self.network
        if means_no_weights(self.eval.pretrained) and not self.measures_speed:
            raise OptionError(
                f"--pretrained {self.eval.pretrained} gives random weights, of use to --benchmark "
                "alone; name a .params file, or take the zoo's with --pretrained true"
            )

    @property
    def network(self) -> Spec:
        """The chosen network, or its int8 form with --quantized."""
        spec = chosen_network(self.model, self.data.dataset)
        if not self.deploy.quantized:
            return spec
        from gluon_ssd.families.catalog import int8_form  # loaded by now

        return int8_form(spec.name)

    @property
    def runs_files(self) -> bool:
        """Whether a runtime reads files, of an exported model or of one that is made first."""
        return self.deploy.deploy or self.deploy.calibration or self.deploy.auto_tuning

    @property
    def decoding(self) -> Decoding:
        """Suppression as asked for, the rest as the network has it; the usual one of a symbol."""
        own = Decoding() if self.deploy.deploy else self.network.decoding
        return with_suppression(own, self.eval)

    @property
    def resolved(self) -> dict[str, float | str]:
        """What unset options come to, for the line that shows all of them."""
        decoding = self.decoding
        suppression = ("nms_thresh", "nms_topk", "post_nms")
        own = {name: getattr(decoding, name) for name in suppression}
        network = self.model.network or ("" if self.deploy.deploy else ModelOptions.network)
        return {"network": network, "data_shape": self.model.side, **own}

    @property
    def times_inference(self) -> bool:
        """Whether --mode asks for the times of loading and inference."""
        return self.modes.mode == INFERENCE_BENCHMARK

    @property
    def measures_speed(self) -> bool:
        """Whether no score is asked for, so that random weights do."""
        return self.benchmark.benchmark or self.times_inference

    @property
    def calibrates(self) -> bool:
        """Whether a quantised model is to be made; in legacy a benchmark goes before."""
        wanted = self.deploy.calibration and not self.deploy.quantized
        return wanted and not self.benchmark.benchmark

    def batch_size(self, *, on_gpus: bool) -> int:
        """Images a batch over all devices; `on_gpus` says whether --num-gpus are really used."""
        return self.eval.batch_size * (self.eval.num_gpus if on_gpus else 1)
