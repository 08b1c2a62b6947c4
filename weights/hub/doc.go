// Package hub fetches models from the Hugging Face hub by name, into the cache that Hugging Face's own tools use, and finds
// them there again without a network:
//
//	models--ORG--NAME/blobs/ETAG               a file's bytes, named by their hash
//	models--ORG--NAME/refs/REVISION            the commit that a branch or tag was at
//	models--ORG--NAME/snapshots/COMMIT/FILE    links to the blobs
//
// A download goes to blobs/ETAG.incomplete, goes on where it was cut, and gets its name only when size and hash are right:
// SHA-256 for large files, the Git blob's SHA-1 for the others. Revisions are pinned to a commit before the first file.
//
// The client is our own, of a few small files, because go-huggingface v0.4.0 starts a cut download over, checks no hash,
// retries nothing, and returns no error where a connection breaks in the middle (its Download wraps a nil one there).
//
// What is respected of the environment is what huggingface_hub documents: HF_ENDPOINT, HF_HUB_CACHE, HF_HOME, HF_TOKEN,
// HF_TOKEN_PATH, HF_HUB_DOWNLOAD_TIMEOUT and HF_HUB_OFFLINE.
package hub
