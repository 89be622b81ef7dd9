# One image for every process of Marquee: `marquee serve` by default, any other command by name.
#
#   docker build -t marquee .
#
# torch comes from pip's default index, which on x86-64 has the CUDA build: it works without a GPU and is gigabytes larger.
# For the CPU build name an index that has it. `torch==2.13.0` in constraints.txt admits `2.13.0+cpu`, and pip prefers that:
#
#   docker build --build-arg PIP_EXTRA_INDEX_URL=<the CPU index that PyTorch's install page shows> -t marquee .

FROM python:3.11.13-slim-bookworm AS build
ARG PIP_EXTRA_INDEX_URL=""
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PYTHONDONTWRITEBYTECODE=1
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
WORKDIR /app
# Dependencies first: this layer stays while only Marquee's own code changes.
COPY pyproject.toml constraints.txt ./
RUN python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" > needed.txt
RUN --mount=type=cache,target=/root/.cache/pip pip install -c constraints.txt -r needed.txt
COPY . .
RUN pip install --no-deps .

FROM python:3.11.13-slim-bookworm
# LightGBM needs OpenMP's runtime, which the slim image lacks.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --create-home --shell /usr/sbin/nologin marquee \
    && install -d -o marquee -g marquee /var/lib/marquee /var/lib/mlflow
COPY --from=build /opt/venv /opt/venv
# The commit, which an image has no checkout to read from: docker build --build-arg CODE_VERSION=$(git rev-parse --short=12 HEAD) .
ARG CODE_VERSION=""
ENV MARQUEE_CODE_VERSION=$CODE_VERSION
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 MARQUEE_HOME=/var/lib/marquee
WORKDIR /var/lib/marquee
USER marquee
VOLUME /var/lib/marquee
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health/live', timeout=4)"]
ENTRYPOINT ["marquee"]
CMD ["serve"]
