-- CreateTable
CREATE TABLE "Role" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "permissions" TEXT[],

    CONSTRAINT "Role_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "Role_name_key" ON "Role"("name");

-- Every user so far is a patient.
INSERT INTO "Role" ("id", "name", "permissions") VALUES
    ('patient', 'Patient', ARRAY['appointment:read']),
    ('dentist', 'Dentist', ARRAY['appointment:read', 'appointment:write']);

-- AlterTable
ALTER TABLE "User" ADD COLUMN "roleId" TEXT NOT NULL DEFAULT 'patient';

-- AddForeignKey
ALTER TABLE "User" ADD CONSTRAINT "User_roleId_fkey" FOREIGN KEY ("roleId") REFERENCES "Role"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
