# docker build -t job-runner . && docker run -p 8080:8080 -v job-runner:/data job-runner

FROM python:3.13-slim AS packages
COPY requirements.lock .
RUN python -m venv --without-pip /opt/venv \
 && pip --python /opt/venv/bin/python install --quiet --disable-pip-version-check --no-cache-dir --root-user-action=ignore \
      --only-binary=:all: --no-deps --require-hashes -r requirements.lock

FROM python:3.13-slim
# A named volume takes over /data's owner. Bind mounts through virtiofs or NFS have corrupted SQLite's WAL: name a volume.
RUN useradd --system --uid 10001 --user-group --no-create-home --home-dir /data --shell /usr/sbin/nologin job-runner \
 && install -d -o job-runner -g job-runner -m 700 /data
WORKDIR /app
COPY --from=packages /opt/venv /opt/venv
COPY . .
RUN chmod -R a+rX . && python -m compileall -q .
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    JOB_RUNNER_HOST=0.0.0.0 \
    JOB_RUNNER_DATA_DIR=/data
USER job-runner
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as u; u.build_opener(u.ProxyHandler({})).open('http://127.0.0.1:' + os.environ.get('JOB_RUNNER_PORT', '8080') + '/healthz', timeout=4)"]
CMD ["python", "main.py"]
