"""The exception tree. Every message says what is wrong and what to do next.

WhisperEngineError
├── ConfigurationError          a setting is missing or wrong                              (exit 2)
├── RequestError                the caller's request cannot be served as it is             (400)
│   ├── AuthenticationError     no key, or one that is not known                           (401)
│   ├── PermissionDenied        the key does not allow this, or the door is closed         (403)
│   ├── NotFoundError           what the request names does not exist                      (404)
│   ├── ConflictError           somebody else changed it, or it exists already             (409)
│   ├── ChangedMeanwhile        it is no longer what the caller started from               (412)
│   ├── TooLargeError           a size limit was passed                                    (413)
│   └── TooManyRequests         a rate limit was passed                                    (429)
├── Unavailable                 the service is starting or stopping                        (503)
├── StorageError                the database does not do what it should                    (503)
│   ├── DatabaseUnavailable     it cannot be reached                                       (503)
│   ├── SchemaError             the schema is older or newer than this program             (503)
│   ├── MigrationError          a migration file or its application failed
│   ├── BackupError             a backup cannot be written, read or restored
│   └── EmbeddedPostgresError   the PostgreSQL that we start ourselves failed
├── ModelFilesError             model files are missing, damaged or cannot be fetched      (503)
├── EncoderError                a text could not be encoded                                (500)
└── LLMError                    the language model's endpoint failed                       (502)
    ├── LLMUnreachable          no connection, or it broke before an answer                (503)
    ├── LLMTimeout              no answer in time                                          (504)
    ├── LLMUnauthorized         the key was refused                                        (502)
    ├── LLMUnknownModel         the endpoint does not know the model                       (502)
    ├── LLMRateLimited          the endpoint asks to wait                                  (503)
    ├── LLMContextTooLong       the prompt does not fit the model                          (502)
    ├── LLMContentFiltered      the endpoint refused the content                           (502)
    └── LLMBadAnswer            the endpoint answered something that is no answer          (502)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class WhisperEngineError(Exception):
    """Something failed; the text says what to do next."""

    code = "internal_error"
    status = 500

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        retry_after: float | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """`code` is the snake_case name that callers may branch on; `retry_after` is in seconds; `details` are further
        fields of the JSON error, as {"problems": [...]}.
        """
        super().__init__(message)
        self.code = code or type(self).code
        self.retry_after = retry_after
        self.details = details or {}


class ConfigurationError(WhisperEngineError):
    code = "configuration_error"


class RequestError(WhisperEngineError):
    code = "bad_request"
    status = 400


class AuthenticationError(RequestError):
    code = "unauthorized"
    status = 401


class PermissionDenied(RequestError):
    code = "forbidden"
    status = 403


class NotFoundError(RequestError):
    code = "not_found"
    status = 404


class ConflictError(RequestError):
    code = "conflict"
    status = 409


class ChangedMeanwhile(RequestError):
    code = "version_conflict"
    status = 412


class TooLargeError(RequestError):
    code = "too_large"
    status = 413


class TooManyRequests(RequestError):
    code = "rate_limited"
    status = 429


class Unavailable(WhisperEngineError):
    code = "unavailable"
    status = 503


class StorageError(WhisperEngineError):
    code = "storage_error"
    status = 503


class DatabaseUnavailable(StorageError):
    code = "database_unavailable"


class SchemaError(StorageError):
    code = "schema_outdated"


class MigrationError(StorageError):
    code = "migration_failed"


class BackupError(StorageError):
    code = "backup_failed"


class EmbeddedPostgresError(StorageError):
    code = "embedded_postgres_failed"


class ModelFilesError(WhisperEngineError):
    code = "model_files_missing"
    status = 503


class EncoderError(WhisperEngineError):
    code = "encoder_failed"


class LLMError(WhisperEngineError):
    """`partial` is what had been said when a stream broke."""

    code = "llm_error"
    status = 502
    partial = ""


class LLMUnreachable(LLMError):
    code = "llm_unreachable"
    status = 503


class LLMTimeout(LLMError):
    code = "llm_timeout"
    status = 504


class LLMUnauthorized(LLMError):
    code = "llm_unauthorized"


class LLMUnknownModel(LLMError):
    code = "llm_unknown_model"


class LLMRateLimited(LLMError):
    code = "llm_rate_limited"
    status = 503


class LLMContextTooLong(LLMError):
    code = "llm_context_too_long"


class LLMContentFiltered(LLMError):
    code = "llm_content_filtered"


class LLMBadAnswer(LLMError):
    code = "llm_bad_answer"
