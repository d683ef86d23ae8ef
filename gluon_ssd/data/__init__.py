"""Data sets, their check, augmentation and loading: NumPy and OpenCV only, no MXNet."""
