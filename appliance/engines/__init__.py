"""Model runtimes: llama.cpp behind a scheduler, onnxruntime, and a scripted double."""
