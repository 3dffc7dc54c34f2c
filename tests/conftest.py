"""One thread for the small matrices of tests: more of them spend their time waiting in circles."""

import os

# OpenMP's threads spin while they wait; beside any other work on two cores a training of seconds
# took minutes. Set before numpy and torch are imported; processes of tests inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")
