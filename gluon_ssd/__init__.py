"""SSD object detection for Apache MXNet: train, evaluate, quantise, deploy.

Importing this package loads neither MXNet nor GluonCV.
"""

__version__ = "0.1.0"
