import F5TTS

/// Jobs, events and checkpoints as clients get them.
extension JobRecord {
    var json: JSONValue {
        var given = (try? JSONParser.parse(Array(hyperparameters.utf8))) ?? [:]
        if case .object(var fields) = given {
            for name in ["n_epochs", "batch_size", "learning_rate_multiplier"]
            where given[name] == nil {
                fields.append((name, "auto"))
            }
            given = .object(fields)
        }
        return [
            "id": .string(id), "object": "fine_tuning.job", "model": .string(model),
            "created_at": .time(createdAt), "finished_at": .time(finishedAt),
            "estimated_finish": .time(estimatedFinish), "status": .string(status.rawValue),
            "fine_tuned_model": .text(adaptedModel), "organization_id": "skald",
            "hyperparameters": given,
            "method": ["type": "supervised", "supervised": ["hyperparameters": given]],
            "publish": .string(publication.rawValue),
            "training_file": .string(trainingFile), "validation_file": .text(validationFile),
            "result_files": .array(resultFiles.map { .string($0) }), "trained_tokens": .null,
            "seed": .number(Double(seed)), "integrations": [], "suffix": .text(suffix),
            "step": .number(Double(step)),
            "error": failure.map {
                [
                    "code": .string($0.code), "message": .string($0.message),
                    "param": .text($0.parameter),
                ]
            } ?? .null,
            "metadata": .object(
                metadata.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) }),
        ]
    }
}

extension JobEvent {
    static let object = "fine_tuning.job.event"

    var json: JSONValue {
        [
            "object": .string(Self.object), "id": .string(id), "created_at": .time(createdAt),
            "level": .string(level.rawValue), "message": .string(message),
            "type": metrics == nil ? "message" : "metrics", "data": metrics?.json ?? .null,
        ]
    }
}

extension JobEvent.Metrics {
    /// Only what there is.
    var json: JSONValue {
        let all: [(String, Double?)] = [
            ("step", Double(step)), ("total_steps", totalSteps.map { Double($0) }),
            ("train_loss", trainLoss), ("valid_loss", validLoss), ("valid_loss_ema", validLossEMA),
            ("lr", learningRate), ("ema_new_mass", newShareOfAverage), ("seconds", seconds),
            ("data_wait_seconds", waited), ("seconds_left", secondsLeft),
        ]
        return .object(all.compactMap { name, value in value.map { (name, .number($0)) } })
    }

    /// The event's message.
    var sentence: String {
        let losses: [(String, Double?)] = [
            ("training loss", trainLoss), ("held-out loss", validLoss),
            ("held-out loss with EMA", validLossEMA),
        ]
        let told = losses.compactMap { name, value in
            value.map { ", \(name) \($0.rounded(toPlaces: 4))" }
        }
        return "Update \(step)" + (totalSteps.map { " of \($0)" } ?? "") + told.joined()
    }
}

extension JobCheckpoint {
    func json(_ job: JobRecord) -> JSONValue {
        let metrics: [(String, Double?)] = [
            ("step", Double(step)), ("train_loss", trainLoss), ("valid_loss", validLoss),
            ("full_valid_loss", validLoss), ("valid_loss_ema", validLossEMA),
            ("ema_new_mass", newShareOfAverage),
        ]
        return [
            "object": "fine_tuning.job.checkpoint", "id": .string(id),
            "created_at": .time(createdAt), "step_number": .number(Double(step)),
            "fine_tuned_model_checkpoint": .string(AdaptedModelName(job, step: step).text),
            "fine_tuning_job_id": .string(job.id),
            "metrics": .object(
                metrics.compactMap { name, value in value.map { (name, .number($0)) } }),
        ]
    }
}

extension JSONValue {
    /// Seconds since 1970, or null.
    static func time(_ seconds: Int?) -> JSONValue {
        seconds.map { .number(Double($0)) } ?? .null
    }

    /// A text, or null.
    static func text(_ text: String?) -> JSONValue { text.map { .string($0) } ?? .null }
}
