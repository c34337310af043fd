"""An outside worker in a process of its own: `python -m tests.support.outside_worker URL NAME TYPE LEASE FOLDER`.

It leaves a file for each job that it has begun, and holds a job as long as the payload's `hold` exists.
"""

import sys
import time
from pathlib import Path

from job_runner_client import Failed, JobRunner, Task, Worker


def main() -> None:
    """Work for ever."""
    url, name, key, lease, folder = sys.argv[1:]

    def work(task: Task) -> dict[str, object]:
        Path(folder, f"{task.job_id}-{task.attempt}").touch()
        task.log(f"{name} has it")
        hold = task.payload.get("hold")
        while hold and Path(hold).exists():
            task.progress(50)
            time.sleep(0.02)
        if task.payload.get("fail"):
            raise Failed(task.payload["fail"], retry=False)
        task.artifact("by.txt", name.encode())
        return {"message": f"Done by {name}"}

    with JobRunner(url) as client:
        Worker(client, name, {key: work}, concurrency=2, lease_seconds=float(lease)).run()


if __name__ == "__main__":
    main()
