"""Export detectors, and run exported ones: graph surgery, fusing, a static runtime."""

from gluon_ssd.deploy.runtime import DeployedModel, load_deployed

__all__ = ["DeployedModel", "load_deployed"]
