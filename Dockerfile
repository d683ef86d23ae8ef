# The project on the CPU. SETUP is what scripts/setup.sh is given besides:
#   docker build -t gluon-ssd .
#   docker build -t gluon-ssd --build-arg SETUP="--extras serve" .
FROM debian:bookworm-slim
# Debian keeps one version of a package in a release, so a pinned one would soon be gone.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3.11-venv libgomp1 libquadmath0 \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /ssd
COPY . .
ARG SETUP=""
# Unquoted, as it holds several words.
RUN PIP_NO_CACHE_DIR=1 bash scripts/setup.sh $SETUP
ENV PATH=/ssd/.venv/bin:$PATH
CMD ["python", "scripts/doctor.py"]
