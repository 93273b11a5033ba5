# Two stages: the first installs the locked dependencies and SMSP into a virtual environment,
# the second is that environment on a slim base, run by a user who owns nothing.
ARG PYTHON=3.13-slim

FROM python:${PYTHON} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/smsp
WORKDIR /src
COPY requirements.lock ./
RUN /opt/smsp/bin/pip install --require-hashes --no-deps -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY actors ./actors
COPY smsp ./smsp
RUN /opt/smsp/bin/pip install --no-deps .

FROM python:${PYTHON}
RUN groupadd --system --gid 10001 smsp \
    && useradd --system --uid 10001 --gid smsp --no-create-home --shell /usr/sbin/nologin smsp
COPY --from=build /opt/smsp /opt/smsp
ENV PATH=/opt/smsp/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    SMSP_HOST=0.0.0.0 \
    SMSP_PORT=8080 \
    SMSP_LOG_OUTPUT_FORMAT=JSON_ONELINE
USER 10001:10001
EXPOSE 8080
STOPSIGNAL SIGTERM
# Liveness only: a degraded SMSP must not be restarted, it is doing its work. With TLS the certificate
# is not verified: it is this very container that is asked.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s \
    CMD ["python", "-c", "import os, ssl, urllib.request as u; tls = os.environ.get('SMSP_TLS_CERT') or os.environ.get('SMSP_TLS_CERT_FILE'); u.urlopen(('https' if tls else 'http') + '://127.0.0.1:' + os.environ['SMSP_PORT'] + '/livez', timeout=2, context=ssl._create_unverified_context() if tls else None)"]
ENTRYPOINT ["smsp"]
CMD ["serve"]
